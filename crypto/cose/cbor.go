package cose

import (
	"math"

	"github.com/fxamacker/cbor/v2"
)

// The shared modes of the CBOR library. They are made once, cannot change, and are safe for parallel use.
var (
	encoder = mustMode(cbor.EncOptions{
		Sort:          cbor.SortBytewiseLexical,
		ShortestFloat: cbor.ShortestFloat16,
		NaNConvert:    cbor.NaNConvertReject,
		InfConvert:    cbor.InfConvertReject,
		BigIntConvert: cbor.BigIntConvertReject,
		Time:          cbor.TimeUnix,
		IndefLength:   cbor.IndefLengthForbidden,
		NilContainers: cbor.NilContainerAsEmpty,
	}.EncMode())
	decoder = mustMode(cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		UTF8:             cbor.UTF8RejectInvalid,
		NaN:              cbor.NaNDecodeForbidden,
		Inf:              cbor.InfDecodeForbidden,
		IntDec:           cbor.IntDecConvertSignedOrFail,
		TimeTag:          cbor.DecTagIgnored,
		MaxNestedLevels:  maxDepth + 1,
		MaxArrayElements: math.MaxInt32,
		MaxMapPairs:      math.MaxInt32,
	}.DecMode())
)

func mustMode[M any](mode M, err error) M {
	if err != nil {
		panic("cose: CBOR mode: " + err.Error())
	}
	return mode
}

// Marshal encodes v in core deterministic encoding; structs use the cbor tags of fxamacker/cbor. A value that Check
// would refuse, such as one with a float, is refused here, so nothing is ever signed that cannot be read.
func Marshal(v any) (data []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			data, err = nil, refuse(ErrMalformed, "encoding %T failed", v)
		}
	}()
	data, err = encoder.Marshal(v)
	if err != nil {
		return nil, refuse(ErrMalformed, "encode %T: %v", v, err)
	}
	if err := Check(data, Limits{Bytes: math.MaxInt, Depth: maxDepth, Items: math.MaxInt32, String: math.MaxInt}); err != nil {
		return nil, err
	}
	return data, nil
}

// Unmarshal checks data with Check and decodes it into v. Map keys unknown to v are skipped. A panic of the CBOR
// library becomes ErrMalformed.
func Unmarshal(data []byte, v any, lim Limits) (err error) {
	// A null would leave its field as if it had not been there: compromised: null must not read as false.
	if err := check(data, lim, true); err != nil {
		return err
	}
	defer func() {
		if r := recover(); r != nil {
			err = refuse(ErrMalformed, "decoding into %T failed", v)
		}
	}()
	if err := decoder.Unmarshal(data, v); err != nil {
		return refuse(ErrMalformed, "decode into %T: %v", v, err)
	}
	return nil
}
