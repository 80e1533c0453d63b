package policies

import (
	"slices"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED513 ca-certificate: authorities of the mesh are made where authorities are made.

Restricted fields of objects outside the namespaces of identity.caNamespaces:

	Certificate: spec.isCA and spec.uris[*], spec.secretName
	CertificateRequest: spec.isCA and spec.request, the URIs among the names in it

Warned about:

  - isCA true with a spiffe:// URI, as SPIRE asks for its authority (spire
    pkg/server/plugin/upstreamauthority/certmanager/api.go)
  - a Certificate for the Secret "cacerts", whatever it says: istiod of that
    namespace takes its authority from it (istio security/pkg/pki/ca/ca.go)

Allowed: authorities for other purposes, which have no spiffe:// URI; requests that a
Certificate controls, since the Certificate has the finding; everything while no
Federation says which namespaces are meant.

cert-manager itself asks only that isCA and what is signed in a request agree.
*/
func caCertificate() Rule {
	return Rule{
		ID:      "FED513",
		Name:    "ca-certificate",
		Summary: "authorities of the mesh are in the namespaces of authorities",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.Certificate, mesh.CertificateRequest},
		Doc: Doc{
			Why: "Who holds the certificate of an authority makes every identity that proxies accept under its root: those of this " +
				"cluster and, where the root is shared, those of all members. Whoever can read Secrets in its namespace holds it.",
			Bad:  certificateExample("{name: authority, namespace: foo}", "isCA: true", "uris: [spiffe://foo.com]", "secretName: authority"),
			Good: certificateExample("{name: authority, namespace: spire-server}", "isCA: true", "uris: [spiffe://foo.com]", "secretName: authority"),
			Fix:  "Keep it in a namespace of authorities, or list its namespace in `identity.caNamespaces` of the Federation.",
		},
		Check: checkCACertificate,
	}
}

func checkCACertificate(review Review, view *mesh.View) []Finding {
	object, federation := review.Object, view.Federation()
	if !federation.Declared || ofCertificate(object) || slices.Contains(federation.Spec.Identity.CANamespaces, object.Namespace) {
		return nil
	}
	fix := "keep it in a namespace of authorities, or list this one in identity.caNamespaces"
	if object.Kind == mesh.Certificate && object.Certificate.SecretName == mesh.AuthoritySecret {
		return []Finding{{
			Field:   spec().Child("secretName"),
			Value:   mesh.AuthoritySecret,
			Message: "an authority of Istio in namespace " + Quote(object.Namespace),
			Fix:     fix,
		}}
	}
	if !ofAuthority(object) {
		return nil
	}
	for _, name := range uriNames(object) {
		if _, spiffe := name.trustDomain(); spiffe {
			return []Finding{{
				Field:   spec().Child("isCA"),
				Value:   name.text,
				Message: "an authority for " + withoutMiddle(name.text, shortName) + " in namespace " + Quote(object.Namespace),
				Fix:     fix,
			}}
		}
	}
	return nil
}
