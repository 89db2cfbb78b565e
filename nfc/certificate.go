package nfc

import (
	"bytes"
	"compress/gzip"
	"io"
)

// certInfoGzip in the byte 71 says that 70 is compressed (SP 800-73-5, Part 1, Appendix A).
const certInfoGzip = 0x01

// ParseCertificate reads the inside of a certificate object, {70 certificate, 71 CertInfo, 72 (old cards), FE}, and gives the
// X.509 certificate: one DER SEQUENCE of at most MaxCertificate bytes, with nothing after it. A compressed one (RFC
// 1952, one member) is decompressed up to that limit. ErrMalformed or ErrTooLarge otherwise; ErrNotFound when 70 is empty.
func ParseCertificate(object []byte) ([]byte, error) {
	fields, err := uniqueTLV("certificate object", object, 0x70, 0x71, 0x72, 0xFE)
	if err != nil {
		return nil, err
	}
	der, ok := fields[0x70]
	info, hasInfo := fields[0x71]
	switch {
	case !ok:
		return nil, fail(ErrMalformed, "certificate object: tag 70 is missing")
	case len(der) == 0:
		return nil, fail(ErrNotFound, "certificate object: no certificate in it")
	case hasInfo && len(info) != 1:
		return nil, fail(ErrMalformed, "certificate object: tag 71 of %d bytes, want 1", len(info))
	case hasInfo && info[0]&^certInfoGzip != 0:
		return nil, fail(ErrMalformed, "certificate object: CertInfo %02X, want 00 or 01", info[0])
	case len(fields[0xFE]) != 0:
		return nil, fail(ErrMalformed, "certificate object: FE is not empty")
	}
	if hasInfo && info[0] == certInfoGzip {
		if der, err = gunzip(der); err != nil {
			return nil, err
		}
	}
	if len(der) > MaxCertificate {
		return nil, fail(ErrTooLarge, "certificate of %d bytes, at most %d", len(der), MaxCertificate)
	}
	if _, err := ParseOne(der, 0x30, TLVOptions{Minimal: true}); err != nil {
		return nil, within("certificate object: tag 70", err)
	}
	return der, nil
}

// gunzip decompresses exactly one member, at most MaxCertificate bytes.
func gunzip(data []byte) ([]byte, error) {
	source := bytes.NewReader(data) // a ByteReader: gzip reads no further than its member
	z, err := gzip.NewReader(source)
	if err != nil {
		return nil, failWith(ErrMalformed, err, "certificate object: gzip")
	}
	z.Multistream(false)
	out, err := io.ReadAll(io.LimitReader(z, MaxCertificate+1))
	switch {
	case err != nil:
		return nil, failWith(ErrMalformed, err, "certificate object: gzip")
	case len(out) > MaxCertificate:
		return nil, fail(ErrTooLarge, "certificate object: gzip of more than %d bytes", MaxCertificate)
	case source.Len() > 0:
		return nil, fail(ErrMalformed, "certificate object: %d bytes after the gzip member", source.Len())
	}
	return out, nil
}

// BuildCertificate gives the inside of a certificate object, without compression.
func BuildCertificate(der []byte) ([]byte, error) {
	if len(der) == 0 || len(der) > MaxCertificate {
		return nil, fail(ErrUsage, "certificate of %d bytes, want 1 to %d", len(der), MaxCertificate)
	}
	object := AppendTLV(nil, 0x70, der)
	object = AppendTLV(object, 0x71, []byte{0})
	return AppendTLV(object, 0xFE, nil), nil
}
