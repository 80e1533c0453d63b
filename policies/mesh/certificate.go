package mesh

// AuthoritySecret is the name of the Secret that istiod reads the authority from that
// it signs with, where it has none of its own (istio security/pkg/pki/ca/ca.go).
const AuthoritySecret = "cacerts"

// authority is what the Index keeps of a Certificate for AuthoritySecret.
type authority struct{ Meta }

func newAuthority(object *Object) *authority {
	if object.Certificate.SecretName != AuthoritySecret {
		return nil
	}
	return &authority{newMeta(object)}
}

// Authorities returns the Certificates of a namespace that write the Secret
// AuthoritySecret, the oldest first.
func (v *View) Authorities(namespace string) []Ref {
	var refs []Ref
	for _, certificate := range shownIn(v, Certificate, namespace, func(x *Index) byNamespace[*authority] { return x.authorities }) {
		refs = append(refs, certificate.Ref)
	}
	return refs
}
