package trust

import (
	"crypto/sha256"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

// assemble writes the file: roots, signed manifest, sections in ascending order of their names.
func assemble(roots [][]byte, root, number uint64, at time.Time, sections map[string][]byte, s keys.BundleSigner) ([]byte, error) {
	iat, err := seconds(at)
	if err != nil {
		return nil, err
	}
	rootsItem := cose.AppendArray(nil, len(roots))
	for _, r := range roots {
		rootsItem = cose.AppendBytes(rootsItem, r)
	}
	rootsHash := sha256.Sum256(rootsItem)
	w := wireManifest{Version: formatVersion, Number: number, Root: root, ExpiresAt: iat + uint64(Lifetime/time.Second),
		Roots: rootsHash[:], IssuedAt: iat, Sections: []wireRow{}}
	total := len(rootsItem)
	for _, name := range sortedKeys(sections) {
		data := sections[name]
		sum := sha256.Sum256(data)
		w.Sections = append(w.Sections, wireRow{Name: name, Size: uint64(len(data)), Hash: sum[:]})
		total += len(data) + headSize(len(data))
	}
	payload, err := cose.Marshal(w)
	if err != nil {
		return nil, refuse(ErrManifest, "manifest: %v", err)
	}
	manifest, err := keys.SignBundle(cose.Header{}, payload, s)
	if err != nil {
		return nil, refuse(ErrManifest, "manifest: %v", err)
	}
	total += len(manifest)
	if total > MaxBundle {
		return nil, refuse(ErrTooLarge, "bundle of %d bytes, limit %d", total, MaxBundle)
	}
	out := make([]byte, 0, total)
	out = append(append(out, rootsItem...), manifest...)
	for _, row := range w.Sections {
		out = cose.AppendBytes(out, sections[row.Name])
	}
	return out, nil
}

// marshalSection encodes a section from its wire form.
func marshalSection(name string, v any) ([]byte, error) {
	out, err := cose.Marshal(v)
	if err != nil {
		return nil, refuse(ErrArgument, "section %s: %v", name, err)
	}
	return out, nil
}
