package policies

import (
	"strings"

	"github.com/cert-manager/cert-manager/pkg/util/pki"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/mesh"
)

// uriName is a URI among the names of a certificate.
type uriName struct {
	field *field.Path
	text  string
}

// uriNames returns the URIs that a Certificate or a CertificateRequest asks for, in
// their order. Those of a request are in what it has signed: read as cert-manager
// reads it, which refuses what is too large (pkg/util/pki/parse.go). Of what cannot be
// read there are none; cert-manager refuses it.
func uriNames(object *mesh.Object) []uriName {
	var names []uriName
	switch object.Kind {
	case mesh.Certificate:
		for i, text := range object.Certificate.URIs {
			names = append(names, uriName{spec().Child("uris").Index(i), text})
		}
	case mesh.CertificateRequest:
		csr, err := pki.DecodeX509CertificateRequestBytes(object.CertificateRequest.Request)
		if err != nil {
			return nil
		}
		for _, uri := range csr.URIs {
			names = append(names, uriName{spec().Child("request"), uri.String()})
		}
	}
	return names
}

// ofAuthority reports whether a Certificate or a CertificateRequest asks for the
// certificate of an authority. A request whose signed part says something else is
// refused by cert-manager (pkg/util/pki/certificatetemplate.go,
// CertificateTemplateValidateAndOverrideBasicConstraints).
func ofAuthority(object *mesh.Object) bool {
	switch object.Kind {
	case mesh.Certificate:
		return object.Certificate.IsCA
	case mesh.CertificateRequest:
		return object.CertificateRequest.IsCA
	}
	return false
}

// ofCertificate reports whether object is a request that cert-manager made for a
// Certificate. What is wrong with it is the Certificate's.
func ofCertificate(object *mesh.Object) bool {
	return object.Kind == mesh.CertificateRequest && object.Controller.Kind == mesh.Certificate
}

// trustDomain returns the trust domain that a name is in, and false for a URI of
// another kind. The rest need not make a SPIFFE ID of it: Istio's proxies ask for the
// beginning only (istio pilot/pkg/security/model/authentication.go,
// AppendURIPrefixToTrustDomain), and verifiers that parse URIs take the scheme in any
// spelling. The domain is in lower case and without what must not stand beside it.
func (n uriName) trustDomain() (string, bool) {
	if len(n.text) < len(spiffeScheme) || !strings.EqualFold(n.text[:len(spiffeScheme)], spiffeScheme) {
		return "", false
	}
	authority := n.text[len(spiffeScheme):]
	if end := strings.IndexAny(authority, "/?#"); end >= 0 {
		authority = authority[:end]
	}
	authority = authority[strings.LastIndexByte(authority, '@')+1:]
	domain, _, _ := strings.Cut(authority, ":")
	return strings.ToLower(domain), true
}
