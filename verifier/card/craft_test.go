package card_test

import (
	"encoding/asn1"
	"encoding/hex"
	"testing"

	"github.com/posvid/posvid/nfc"
)

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// cmsOf cuts the SignedData out of a CHUID; withCMS puts another in.
func cmsOf(tb testing.TB, chuid []byte) []byte {
	tb.Helper()
	return must(nfc.ParseCHUID(chuid))(tb).CMS
}

func withCMS(tb testing.TB, chuid, cms []byte) []byte {
	tb.Helper()
	list := must(nfc.ParseTLV(chuid, nfc.TLVOptions{}))(tb)
	var out []byte
	for _, t := range list {
		if t.Tag == 0x3E {
			t.Value = cms
		}
		out = nfc.AppendTLV(out, t.Tag, t.Value)
	}
	return out
}

// der is a DER tree that can be changed and written again.
type der struct {
	raw      asn1.RawValue
	children []*der
}

func parseDER(tb testing.TB, data []byte) *der {
	tb.Helper()
	d := &der{}
	if rest, err := asn1.Unmarshal(data, &d.raw); err != nil || len(rest) > 0 {
		tb.Fatalf("not one DER value: %v", err)
	}
	if d.raw.IsCompound {
		for rest := d.raw.Bytes; len(rest) > 0; {
			var child asn1.RawValue
			var err error
			if rest, err = asn1.Unmarshal(rest, &child); err != nil {
				tb.Fatal(err)
			}
			d.children = append(d.children, parseDER(tb, child.FullBytes))
		}
	}
	return d
}

func (d *der) bytes(tb testing.TB) []byte {
	tb.Helper()
	v := asn1.RawValue{Class: d.raw.Class, Tag: d.raw.Tag, IsCompound: d.raw.IsCompound, Bytes: d.raw.Bytes}
	if d.raw.IsCompound {
		v.Bytes = []byte{}
		for _, c := range d.children {
			v.Bytes = append(v.Bytes, c.bytes(tb)...)
		}
	}
	return must(asn1.Marshal(v))(tb)
}

// signedData is the SEQUENCE SignedData of a ContentInfo: version, digests, content, certificates [0], signers.
func (d *der) signedData() *der { return d.children[1].children[0] }

// signerInfo is its one signer: version, sid, digest, attributes [0], algorithm, signature.
func (d *der) signerInfo() *der {
	s := d.signedData()
	return s.children[len(s.children)-1].children[0]
}

// withCertificates adds certificates to the SignedData of a CHUID; they are not signed.
func withCertificates(tb testing.TB, chuid []byte, certificates ...[]byte) []byte {
	tb.Helper()
	d := parseDER(tb, cmsOf(tb, chuid))
	set := d.signedData().children[3]
	for _, c := range certificates {
		set.children = append(set.children, parseDER(tb, c))
	}
	return withCMS(tb, chuid, d.bytes(tb))
}
