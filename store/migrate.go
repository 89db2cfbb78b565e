package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"sort"
	"strconv"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

//go:embed service/migrations/*.sql
var serviceFiles embed.FS

//go:embed ballots/migrations/*.sql
var ballotFiles embed.FS

// migration is one numbered schema step: "0001_core.sql" is version 1.
type migration struct {
	version int
	name    string
	sql     string
	hash    [32]byte
}

func migrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, fmt.Errorf("store: migrations: %w", err)
	}
	sort.Strings(names)
	out := make([]migration, 0, len(names))
	for i, name := range names {
		base := name[len("migrations/"):]
		if len(base) < 6 || base[4] != '_' {
			return nil, fmt.Errorf("store: migration %s: want NNNN_name.sql", base)
		}
		v, err := strconv.Atoi(base[:4])
		if err != nil || v != i+1 {
			return nil, fmt.Errorf("store: migration %s: want number %04d", base, i+1)
		}
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("store: migration %s: %w", base, err)
		}
		out = append(out, migration{v, base, string(b), sha256.Sum256(b)})
	}
	return out, nil
}

// migrate applies the missing steps in one transaction, so that a crash leaves the old schema or the new.
// A step already applied must be byte for byte the one this program carries.
func migrate(ctx context.Context, c *sql.Conn, files fs.FS) (err error) {
	steps, err := migrations(files)
	if err != nil {
		return err
	}
	if _, err := c.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return named("migrate", err)
	}
	defer func() {
		if err != nil {
			c.ExecContext(ctx, "ROLLBACK")
		}
	}()
	if _, err := c.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS migrations (
		version INTEGER PRIMARY KEY, name TEXT NOT NULL, hash BLOB NOT NULL) STRICT`); err != nil {
		return named("migrate", err)
	}
	var have int
	rows, err := c.QueryContext(ctx, "SELECT version, name, hash FROM migrations ORDER BY version")
	if err != nil {
		return named("migrate", err)
	}
	for rows.Next() {
		var v int
		var name string
		var hash []byte
		if err := rows.Scan(&v, &name, &hash); err != nil {
			rows.Close()
			return named("migrate", err)
		}
		have++
		if v > len(steps) {
			rows.Close()
			return fmt.Errorf("store: migrate: file has step %d (%s), this program knows %d: %w", v, name, len(steps), ErrNewer)
		}
		if v != have || !bytes.Equal(hash, steps[v-1].hash[:]) {
			rows.Close()
			return fmt.Errorf("store: migrate: step %d (%s) in the file is not the one of this program: %w", v, name, ErrDamaged)
		}
	}
	if err := rows.Err(); err != nil {
		return named("migrate", err)
	}
	rows.Close()
	for _, m := range steps[have:] {
		if _, err := c.ExecContext(ctx, m.sql); err != nil {
			return named("migrate "+m.name, err)
		}
		if _, err := c.ExecContext(ctx, "INSERT INTO migrations (version, name, hash) VALUES ($1, $2, $3)",
			m.version, m.name, m.hash[:]); err != nil {
			return named("migrate "+m.name, err)
		}
	}
	if _, err := c.ExecContext(ctx, "COMMIT"); err != nil {
		return named("migrate", err)
	}
	return nil
}
