package keys

import "github.com/posvid/posvid/crypto/cose"

// HolderSigner signs presentations and proofs of possession.
type HolderSigner interface {
	cose.Signer
	HolderPublic() HolderPublicKey
	SignsAsHolder() // marks the role
}

// VerifierSigner signs challenges and verifier requests.
type VerifierSigner interface {
	cose.Signer
	VerifierPublic() VerifierPublicKey
	SignsAsVerifier() // marks the role
}

// IssuerSigner signs tokens, status lists, code tables, key requests and policies of checkpoints: a software key or an HSM.
type IssuerSigner interface {
	cose.Signer
	IssuerPublic() IssuerPublicKey
	SignsAsIssuer() // marks the role
}

// OperatorSigner signs plans and approvals.
type OperatorSigner interface {
	cose.Signer
	OperatorPublic() OperatorPublicKey
	SignsAsOperator() // marks the role
}

// HybridSigner is a member that signs with both of its keys.
type HybridSigner interface {
	Hybrid() HybridPublicKey
	HybridSigners() (p256, mldsa cose.Signer)
}

// RootSigner is a member of the root set.
type RootSigner interface {
	HybridSigner
	RootPublic() RootPublicKey
	SignsAsRoot() // marks the role
}

// BundleSigner signs trust bundles.
type BundleSigner interface {
	HybridSigner
	BundlePublic() BundlePublicKey
	SignsAsBundle() // marks the role
}

// SignRoot signs a root object with the given members and returns the tagged COSE_Sign. The typ of h is set to
// cose.TypeRoot.
func SignRoot(h cose.Header, payload []byte, members ...RootSigner) ([]byte, error) {
	h.Type = cose.TypeRoot
	all := make([]cose.Signature, 0, 2*len(members))
	for _, m := range members {
		s, err := RootSignatures(h, payload, m)
		if err != nil {
			return nil, err
		}
		all = append(all, s...)
	}
	return cose.AssembleSign(h, payload, all)
}

// RootSignatures makes the two signatures of one member under a root object, for members that sign apart from each
// other; cose.AssembleSign joins them. The typ of h is set to cose.TypeRoot.
func RootSignatures(h cose.Header, payload []byte, member RootSigner) ([]cose.Signature, error) {
	h.Type = cose.TypeRoot
	return signatures(h, payload, member)
}

// SignBundle signs a trust bundle and returns the tagged COSE_Sign. The typ of h is set to cose.TypeBundle.
func SignBundle(h cose.Header, payload []byte, signer BundleSigner) ([]byte, error) {
	h.Type = cose.TypeBundle
	s, err := signatures(h, payload, signer)
	if err != nil {
		return nil, err
	}
	return cose.AssembleSign(h, payload, s)
}

func signatures(h cose.Header, payload []byte, member HybridSigner) ([]cose.Signature, error) {
	p256, mldsa := member.HybridSigners()
	public := member.Hybrid()
	out := make([]cose.Signature, 0, 2)
	for _, s := range []cose.Signer{p256, mldsa} {
		head := cose.Header{KeyID: public.KeyID()}
		tbs, err := cose.ToBeSignedOf(h, payload, cose.SignatureSigner{Signer: s, Header: head})
		if err != nil {
			return nil, err
		}
		sig, err := s.Sign(tbs)
		if err != nil {
			return nil, err
		}
		head.Algorithm = s.Algorithm()
		out = append(out, cose.Signature{Header: head, Signature: sig})
	}
	return out, nil
}
