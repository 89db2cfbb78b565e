package main

import (
	"crypto/sha256"
	"strings"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
)

// httpRequests are the signed requests of docs/spec/request.md, as their own form decides; what they were signed for is
// compared by the service.
func (w *world) httpRequests() {
	body := sha256.Sum256([]byte(`{"have":"5b0e91c41f00d3a7b1e2c3d4e5f60718"}`))
	nonce := make([]byte, 16)
	for i := range nonce {
		nonce[i] = 0xc0 + byte(i)
	}
	payload := func(key *cose.PublicKey) cmap {
		return mapOf(3, "https://id.example.gov.ua", 6, base.Unix(), 7, nonce, 8, mapOf(1, compressed(key)),
			-65538, "POST", -65539, "/api/v1/bodies/"+ministry+"/wallet/delivery?face=full", -65540, body[:])
	}
	put := func(name, code, rules, comment string, edit func(m *sign1)) {
		m := &sign1{head: mapOf(1, -9, 16, credential.TypeHolderRequest.MediaType), signer: w.holder, payload: payload(w.holder.Public())}
		if edit != nil {
			edit(m)
		}
		w.object("http-request", name, code, rules, comment, m.build())
	}
	set := func(key int, v any) func(*sign1) { return func(m *sign1) { m.payload.set(key, v) } }
	const bad = "credential.ErrMalformed"
	put("http_request_ok", "", "REQ-01, REQ-02", "Nothing is wrong: a phone's request, signed by the key that it carries.", nil)
	put("http_request_verifier_ok", "", "REQ-01, REQ-02", "Nothing is wrong: a verifier's request under its own typ.", func(m *sign1) {
		m.head.set(16, credential.TypeVerifierRequest.MediaType)
		m.signer, m.payload = w.gate, payload(w.gate.Public())
	})
	put("http_request_unknown_claim", "", "REQ-01", "Nothing is wrong: a claim of a signed request that nobody knows is skipped.", set(100, 1))
	put("http_request_localhost", "", "REQ-01", "Nothing is wrong: an origin with a port, on plain http.", set(3, "http://localhost:8080"))
	put("http_request_other_key", "cose.ErrSignature", "REQ-02", "Signed by another key than the one in cnf of the request.", func(m *sign1) { m.signer = w.thief })
	put("http_request_signature_bit", "cose.ErrSignature", "REQ-02", "One bit of the signature of a request.", func(m *sign1) { m.signature = func(b []byte) []byte { return flipBit(b, 3) } })
	put("http_request_high_s", "credential.ErrHighS", "REQ-01", "The signature of a request as its twin with n − s.", func(m *sign1) { m.signature = flipS })
	put("http_request_typ_possession", "cose.ErrType", "REQ-01, COSE-20", "typ of a proof of possession.", func(m *sign1) { m.head.set(16, cose.TypePossession.MediaType) })
	put("http_request_typ_admission", "cose.ErrType", "REQ-01, COSE-20", "typ of a verifier's request to be admitted.", func(m *sign1) { m.head.set(16, cose.TypeVerifierRequest.MediaType) })
	put("http_request_kid", bad, "REQ-01", "A kid beside the key in cnf.", func(m *sign1) { m.head.set(4, []byte{1, 2, 3, 4}) })
	put("http_request_no_aud", bad, "REQ-01", "A request without aud.", func(m *sign1) { m.payload.del(3) })
	put("http_request_aud_any", bad, "REQ-01", "aud any in a request.", set(3, "any"))
	put("http_request_aud_path", bad, "REQ-01", "An origin with a path.", set(3, "https://id.example.gov.ua/"))
	put("http_request_aud_capitals", bad, "REQ-01", "An origin in capitals.", set(3, "https://ID.example.gov.ua"))
	put("http_request_aud_port", bad, "REQ-01", "An origin with the scheme's own port.", set(3, "https://id.example.gov.ua:443"))
	put("http_request_no_iat", bad, "REQ-01", "A request without iat.", func(m *sign1) { m.payload.del(6) })
	put("http_request_no_nonce", bad, "REQ-01", "A request without cti.", func(m *sign1) { m.payload.del(7) })
	put("http_request_nonce_15", bad, "REQ-01", "cti of 15 bytes.", set(7, nonce[:15]))
	put("http_request_nonce_zero", bad, "REQ-01", "cti of sixteen zero bytes.", set(7, make([]byte, 16)))
	put("http_request_no_cnf", bad, "REQ-01", "A request without a key.", func(m *sign1) { m.payload.del(8) })
	put("http_request_no_method", bad, "REQ-01", "A request without a method.", func(m *sign1) { m.payload.del(-65538) })
	put("http_request_method_patch", bad, "REQ-01", "The method PATCH.", set(-65538, "PATCH"))
	put("http_request_no_target", bad, "REQ-01", "A request without a target.", func(m *sign1) { m.payload.del(-65539) })
	put("http_request_target_absolute", bad, "REQ-01", "A whole URL as the target.", set(-65539, "https://id.example.gov.ua/"))
	put("http_request_target_fragment", bad, "REQ-01", "A target with a fragment.", set(-65539, "/a#b"))
	put("http_request_target_letters", bad, "REQ-01", "A target with letters outside ASCII.", set(-65539, "/гаманець"))
	put("http_request_target_1025", bad, "REQ-01", "A target of 1,025 bytes.", set(-65539, "/"+strings.Repeat("a", 1024)))
	put("http_request_no_hash", bad, "REQ-01", "A request without the hash of its body.", func(m *sign1) { m.payload.del(-65540) })
	put("http_request_hash_20", bad, "REQ-01", "A hash of the body of 20 bytes.", set(-65540, body[:20]))
	put("http_request_too_large", "cose.ErrTooLarge", "REQ-01", "A request of more than 2,048 bytes.", set(100, make([]byte, 2000)))
	put("http_request_duplicate", "cose.ErrDuplicateKey", "REQ-01, COSE-03", "A claim of a request twice.", func(m *sign1) { m.encodeBody = duplicated })
}
