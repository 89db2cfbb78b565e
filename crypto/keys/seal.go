package keys

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/posvid/posvid/crypto/cose"
)

// Limits of a sealed key.
const (
	maxSealed     = 32 << 10 // longest sealed file, in bytes
	maxSecret     = 16 << 10 // longest secret inside, in bytes
	maxLabelPart  = 64       // longest role or id, in bytes
	minWorkFactor = 10       // least scrypt log2(N) that Seal takes
	maxWorkFactor = 18       // most that Seal takes and Open pays for: 256 MiB, about a second
	// DefaultWorkFactor is scrypt's log2(N) when SealOptions says nothing: 32 MiB, about a tenth of a second.
	DefaultWorkFactor = 15
)

// SealOptions tunes Seal; the zero value is the safe default.
type SealOptions struct {
	WorkFactor int // scrypt log2(N), 10 to 18; 0 = DefaultWorkFactor
}

// labelStart opens the first line of a sealed key, labelNote is the second one: for the person who finds the file.
const (
	labelStart = "# posvid sealed key: role "
	labelID    = ", id "
	labelNote  = "# Приватний ключ, запечатаний паролем. Нікому не передавайте. / A private key sealed with a passphrase. Keep it to yourself.\n"
)

// Seal encrypts a secret under a passphrase: an armored age file (scrypt) below a line that names the role and the
// key. Role and id are inside the encryption too, so relabelling the file does not change what it opens as.
// The rest of the file, from its BEGIN line on, opens with any age tool.
//
//	sealed content = { 1: role tstr, 2: id tstr, 3: secret bstr }
func Seal(passphrase []byte, role, id string, secret []byte, opt SealOptions) ([]byte, error) {
	if len(passphrase) == 0 {
		return nil, refuse(ErrPassphrase, "seal: empty passphrase")
	}
	if !isLabelPart(role) || !isLabelPart(id) {
		return nil, refuse(ErrSealed, "seal: role %q, id %q: want 1 to %d letters, digits or hyphens", role, id, maxLabelPart)
	}
	if len(secret) == 0 || len(secret) > maxSecret {
		return nil, refuse(ErrSealed, "seal: secret of %d bytes, want 1 to %d", len(secret), maxSecret)
	}
	factor := opt.WorkFactor
	if factor == 0 {
		factor = DefaultWorkFactor
	}
	if factor < minWorkFactor || factor > maxWorkFactor {
		return nil, refuse(ErrSealed, "seal: work factor %d, want %d to %d", factor, minWorkFactor, maxWorkFactor)
	}
	recipient, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return nil, refuse(ErrPassphrase, "seal: %v", err)
	}
	recipient.SetWorkFactor(factor)

	var out bytes.Buffer
	out.WriteString(labelStart + role + labelID + id + "\n" + labelNote)
	armored := armor.NewWriter(&out)
	w, err := age.Encrypt(armored, recipient)
	if err != nil {
		return nil, refuse(ErrSealed, "seal: %v", err)
	}
	content := cose.AppendText(cose.AppendUint(cose.AppendMap(nil, 3), 1), role)
	content = cose.AppendText(cose.AppendUint(content, 2), id)
	content = cose.AppendBytes(cose.AppendUint(content, 3), secret)
	if _, err := w.Write(content); err != nil {
		return nil, refuse(ErrSealed, "seal: %v", err)
	}
	if err := errors.Join(w.Close(), armored.Close()); err != nil {
		return nil, refuse(ErrSealed, "seal: %v", err)
	}
	return out.Bytes(), nil
}

// isLabelPart keeps labels to one word, so that the first line has one reading.
func isLabelPart(s string) bool {
	if s == "" || len(s) > maxLabelPart {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-')
	}) < 0
}

// UnverifiedLabel reads the role and id from the first line of a sealed key. Whoever can write the file can change
// them; Open returns nothing that rests on them.
func UnverifiedLabel(sealed []byte) (role, id string, err error) {
	line, _, ok := bytes.Cut(sealed, []byte("\n"))
	if !ok {
		return "", "", refuse(ErrSealed, "not a sealed key: no label line")
	}
	rest, ok := strings.CutPrefix(string(line), labelStart)
	if !ok {
		return "", "", refuse(ErrSealed, "not a sealed key: no label line")
	}
	role, id, ok = strings.Cut(rest, labelID)
	if !ok || !isLabelPart(role) || !isLabelPart(id) {
		return "", "", refuse(ErrSealed, "not a sealed key: label line is not readable")
	}
	return role, id, nil
}

// Open decrypts a sealed key and returns the secret when it is of the given role. ErrPassphrase means that the
// passphrase is wrong, ErrRole that the key is of another role, ErrSealed anything else.
func Open(passphrase []byte, role string, sealed []byte) ([]byte, error) {
	return openSealed(passphrase, role, sealed, maxWorkFactor)
}

func openSealed(passphrase []byte, role string, sealed []byte, factor int) ([]byte, error) {
	if len(sealed) > maxSealed {
		return nil, refuse(ErrSealed, "sealed key of %d bytes, limit %d", len(sealed), maxSealed)
	}
	if _, _, err := UnverifiedLabel(sealed); err != nil {
		return nil, err
	}
	begin := bytes.Index(sealed, []byte(armor.Header))
	if begin < 0 {
		return nil, refuse(ErrSealed, "not a sealed key: no %q line", armor.Header)
	}
	if len(passphrase) == 0 {
		return nil, refuse(ErrPassphrase, "open: empty passphrase")
	}
	identity, err := age.NewScryptIdentity(string(passphrase))
	if err != nil {
		return nil, refuse(ErrPassphrase, "open: %v", err)
	}
	identity.SetMaxWorkFactor(factor)
	header, err := age.ExtractHeader(armor.NewReader(bytes.NewReader(sealed[begin:])))
	if err != nil {
		return nil, refuse(ErrSealed, "open: %v", err)
	}
	if !bytes.Contains(header, []byte("\n-> scrypt ")) {
		return nil, refuse(ErrSealed, "open: not sealed with a passphrase")
	}
	plain, err := age.Decrypt(armor.NewReader(bytes.NewReader(sealed[begin:])), identity)
	if errors.Is(err, age.ErrIncorrectIdentity) {
		return nil, refuse(ErrPassphrase, "open: wrong passphrase")
	}
	if err != nil {
		return nil, refuse(ErrSealed, "open: %v", err)
	}
	content, err := io.ReadAll(io.LimitReader(plain, maxSealed))
	if err != nil {
		return nil, refuse(ErrSealed, "open: %v", err)
	}
	return openContent(role, content)
}

func openContent(role string, content []byte) ([]byte, error) {
	if err := cose.Check(content, cose.Limits{Bytes: maxSealed, Depth: 1, Items: 16, String: maxSecret}); err != nil {
		return nil, refuse(ErrSealed, "open: content: %v", err)
	}
	var got, id, secret []byte
	r := cose.NewReader(content)
	n, err := r.ReadMap()
	for range n {
		var label int64
		if label, err = r.ReadInt(); err != nil {
			break
		}
		switch label {
		case 1:
			got, err = r.ReadText()
		case 2:
			id, err = r.ReadText()
		case 3:
			secret, err = r.ReadBytes()
		default:
			err = r.Skip()
		}
		if err != nil {
			break
		}
	}
	if err != nil {
		return nil, refuse(ErrSealed, "open: content: %v", err)
	}
	if len(got) == 0 || len(id) == 0 || len(secret) == 0 {
		return nil, refuse(ErrSealed, "open: content: want role, id and secret")
	}
	if string(got) != role {
		return nil, refuse(ErrRole, "open: sealed key of role %q, want %q", got, role)
	}
	return secret, nil
}
