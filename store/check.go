package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/posvid/posvid/issuer"
)

// invariants are questions whose answer must be 0.
var invariants = []struct{ name, query string }{
	{"entitlement with two live IDs", `SELECT count(*) FROM (SELECT 1 FROM ids WHERE state IN (2, 3) GROUP BY entitlement HAVING count(*) > 1)`},
	{"serial given twice", `SELECT count(*) FROM (SELECT 1 FROM ids GROUP BY serial HAVING count(*) > 1)`},
	{"status index given twice", `SELECT count(*) FROM (SELECT 1 FROM tokens GROUP BY status HAVING count(*) > 1)`},
	{"issued token without its signed bytes", `SELECT count(*) FROM intents n JOIN tokens k ON k.idrow = n.id AND k.renewal = n.renewal
		LEFT JOIN signed g ON g.token = k.id WHERE n.stage = 2 AND k.payload IS NOT NULL AND g.token IS NULL`},
	{"signed bytes of a token that was not issued", `SELECT count(*) FROM signed g JOIN tokens k ON k.id = g.token
		JOIN intents n ON n.id = k.idrow AND n.renewal = k.renewal WHERE n.stage <> 2`},
	{"token without its intent", `SELECT count(*) FROM tokens k WHERE NOT EXISTS (SELECT 1 FROM intents n WHERE n.id = k.idrow AND n.renewal = k.renewal)`},
	{"pending ID without an intent at work", `SELECT count(*) FROM ids i WHERE state = 1 AND NOT EXISTS
		(SELECT 1 FROM intents n WHERE n.entitlement = i.entitlement AND n.id = i.id AND n.stage = 1)`},
	{"intent at work of an ID that has ended", `SELECT count(*) FROM intents n JOIN ids i ON i.id = n.id WHERE n.stage = 1 AND i.state NOT IN (1, 2)`},
	{"ended ID with a token that is not invalid", `SELECT count(*) FROM tokens k JOIN ids i ON i.id = k.idrow
		WHERE (i.state IN (4, 6) AND k.exp > i.changed OR i.state = 7) AND k.value <> 1`},
	{"suspended ID with a token that is valid", `SELECT count(*) FROM tokens k JOIN ids i ON i.id = k.idrow
		WHERE i.state = 3 AND k.exp > i.changed AND k.value = 0`},
	{"issued ID whose newest tokens are not valid", `SELECT count(*) FROM tokens k JOIN ids i ON i.id = k.idrow AND i.renewal = k.renewal
		WHERE i.state = 2 AND k.value <> 0`},
	{"abandoned token that is not invalid", `SELECT count(*) FROM tokens k JOIN intents n ON n.id = k.idrow AND n.renewal = k.renewal
		WHERE n.stage = 3 AND k.value <> 1`},
	{"token in a list that is not known", `SELECT count(*) FROM tokens k WHERE NOT EXISTS (SELECT 1 FROM status_lists l
		WHERE l.list = k.status >> 20 AND (k.status & 1048575) < l.capacity AND l.last_exp >= k.exp)`},
	{"used one-time code without its check", `SELECT count(*) FROM online_codes c WHERE used = 1 AND NOT EXISTS
		(SELECT 1 FROM online_checks k WHERE k.code = c.id AND k.idrow = c.idrow AND k.at = c.closed)`},
	{"check of a one-time code that was not used", `SELECT count(*) FROM online_checks k JOIN online_codes c ON c.id = k.code WHERE c.used <> 1`},
	{"audit entries beside the head", `SELECT count(*) FROM body WHERE audit_seq <> (SELECT count(*) FROM audit)`},
}

// Check reads the whole file: the engine's own integrity check, every reference between rows, and the
// rules of issuing that no code path may break. It is what `posvid doctor` and the crash test ask.
// Error: ErrDamaged with the first rule that does not hold.
func (s *Store) Check(ctx context.Context) error {
	return s.View(ctx, func(itx issuer.Tx) error {
		t := itx.(*tx)
		var found []string
		if err := t.rows("PRAGMA integrity_check(10)", nil, func(scan func(...any) error) error {
			var line string
			if err := scan(&line); err != nil {
				return err
			}
			if line != "ok" {
				found = append(found, line)
			}
			return nil
		}); err != nil {
			return err
		}
		if len(found) > 0 {
			return fmt.Errorf("%w: %s", ErrDamaged, strings.Join(found, "; "))
		}
		orphans := 0
		if err := t.rows("PRAGMA foreign_key_check", nil, func(func(...any) error) error {
			orphans++
			return nil
		}); err != nil {
			return err
		}
		if orphans > 0 {
			return fmt.Errorf("%w: %d rows refer to rows that are not there", ErrDamaged, orphans)
		}
		for _, inv := range invariants {
			var n int
			if err := t.row(inv.query, nil, &n); err != nil {
				return err
			}
			if n != 0 {
				return fmt.Errorf("%w: %s: %d", ErrDamaged, inv.name, n)
			}
		}
		return nil
	})
}

// Settings tells how the write connection is set up, for `posvid doctor`: the engine's pragmas that make
// a commit durable, by name.
func (s *Store) Settings(ctx context.Context) (map[string]string, error) {
	out := make(map[string]string)
	err := s.Update(ctx, func(itx issuer.Tx) error {
		t := itx.(*tx)
		for _, name := range []string{"journal_mode", "synchronous", "foreign_keys", "mmap_size", "cell_size_check", "busy_timeout"} {
			var v string
			if err := t.row("PRAGMA "+name, nil, &v); err != nil {
				return err
			}
			out[name] = v
		}
		return nil
	})
	return out, err
}
