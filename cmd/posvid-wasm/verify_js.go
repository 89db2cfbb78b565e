//go:build js && wasm

package main

import (
	"errors"
	"sync"
	"syscall/js"
	"time"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/trust"
)

// openDevice is posvidOpenDevice(host, lang): a Promise of a device whose state lies in host's storage (docs/spec/verifier-page.md,
// Section 3). The page sees to it that no other page uses the storage.
//
//	host.files: { name: Uint8Array } every stored file but the bundles
//	host.read(name)         Promise of Uint8Array or null
//	host.write(name, data)  Promise that is kept when data (Uint8Array, or null to remove) will outlast a crash
//	host.judging()          the verdict on the page is about to be judged once more
//	host.sign(data)         Promise of a P-256 ECDSA SHA-256 signature, 64 bytes; once setKey was called
//
//	device.call(order, data)        Promise of the answer, a JSON text; data: Uint8Array or null
//	device.setKey(point, hpkePoint) Promise; both public keys as 65 bytes
func openDevice(args []js.Value) (any, error) {
	if len(args) != 2 || args[0].Type() != js.TypeObject || args[1].Type() != js.TypeString {
		return nil, errors.New("posvid-wasm: want a host and a language")
	}
	host := args[0]
	store := &pageStorage{host: host, files: map[string][]byte{}}
	names := js.Global().Get("Object").Call("keys", host.Get("files"))
	for i := range names.Length() {
		name := names.Index(i).String()
		data, err := bytesOf(host.Get("files").Get(name), maxFile)
		if err != nil {
			return nil, err
		}
		store.files[name] = data
	}
	start := time.Now()
	run := start.Format(time.RFC3339Nano)
	d := newDevice(checkpoint.OpenStorage(store, func() (string, time.Duration, bool) { return run, time.Since(start), true }), args[1].String())
	d.screen.judging = func() { _, _ = call(host, "judging") }

	var one sync.Mutex // orders are carried out one after another
	object := js.Global().Get("Object").New()
	object.Set("call", js.FuncOf(func(_ js.Value, args []js.Value) any {
		return promise(func() (any, error) {
			one.Lock()
			defer one.Unlock()
			if len(args) != 2 || args[0].Type() != js.TypeString {
				return nil, errOrder
			}
			data, err := bytesOf(args[1], trust.MaxBundle)
			if err != nil {
				return nil, err
			}
			a, err := d.do(args[0].String(), data)
			if err != nil {
				return nil, err
			}
			return a.encode()
		})
	}))
	object.Set("setKey", js.FuncOf(func(_ js.Value, args []js.Value) any {
		return promise(func() (any, error) {
			one.Lock()
			defer one.Unlock()
			signer, hpke, err := pageKey(host, args)
			if err != nil {
				return nil, err
			}
			return nil, d.setKey(signer, hpke)
		})
	}))
	return object, nil
}

// maxFile bounds one file that is held in memory; bundles are not.
const maxFile = 32 << 20

// pageStorage is the page's database. What is small stays in memory too, because every verdict reads it; the page that opened it is
// the only one that writes.
type pageStorage struct {
	host  js.Value
	files map[string][]byte
}

func large(name string) bool { return len(name) > 6 && name[:6] == "bundle" }

func (p *pageStorage) Read(name string) ([]byte, error) {
	if !large(name) {
		return p.files[name], nil
	}
	v, err := call(p.host, "read", name)
	if err != nil {
		return nil, err
	}
	return bytesOf(v, trust.MaxBundle)
}

func (p *pageStorage) Write(name string, data []byte) error {
	v := js.Null()
	if data != nil {
		v = jsBytes(data)
	}
	if _, err := call(p.host, "write", name, v); err != nil {
		return err
	}
	switch {
	case large(name):
	case data == nil:
		delete(p.files, name)
	default:
		p.files[name] = data
	}
	return nil
}

// pageSigner is a key in the browser's key store, which never gives it away.
type pageSigner struct {
	host   js.Value
	public keys.VerifierPublicKey
}

func (s pageSigner) Algorithm() cose.Algorithm              { return s.public.Algorithm() }
func (s pageSigner) Public() *cose.PublicKey                { return s.public.COSE() }
func (s pageSigner) VerifierPublic() keys.VerifierPublicKey { return s.public }
func (s pageSigner) SignsAsVerifier()                       {}

// Sign has the page sign. Browsers give r and s as COSE wants them, but any of the two values of s.
func (s pageSigner) Sign(toBeSigned []byte) ([]byte, error) {
	v, err := call(s.host, "sign", jsBytes(toBeSigned))
	if err != nil {
		return nil, err
	}
	sig, err := bytesOf(v, 64)
	if err != nil {
		return nil, err
	}
	if len(sig) != 64 {
		return nil, errors.New("posvid-wasm: want a signature of 64 bytes")
	}
	return cose.NormalizeS(sig), nil
}

func pageKey(host js.Value, args []js.Value) (pageSigner, keys.HPKEPublicKey, error) {
	none := pageSigner{}
	if len(args) != 2 {
		return none, keys.HPKEPublicKey{}, errors.New("posvid-wasm: want two public keys")
	}
	point, err := bytesOf(args[0], 65)
	if err != nil {
		return none, keys.HPKEPublicKey{}, err
	}
	public, err := verifierKey(point)
	if err != nil {
		return none, keys.HPKEPublicKey{}, err
	}
	raw, err := bytesOf(args[1], 65)
	if err != nil {
		return none, keys.HPKEPublicKey{}, err
	}
	hpke, err := keys.ParseHPKEPublicKey(raw)
	if err != nil {
		return none, keys.HPKEPublicKey{}, err
	}
	return pageSigner{host, public}, hpke, nil
}

func init() { exportAsync("posvidOpenDevice", openDevice) }
