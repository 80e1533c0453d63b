package policies

import "fedmesh.io/fedmesh/policies/mesh"

/*
FED514 shared-secret: the authority of Istio comes from one Certificate.

Restricted fields of a Certificate:

	spec.secretName

Warned about: "cacerts", where another Certificate of the namespace writes that
Secret, too.

Allowed: every other Secret, which is nothing of the mesh; the Secret of the same
name in other namespaces, of which each belongs to the istiod there.

cert-manager's admission looks at one object at a time. Its controller leaves the
Secret to one of the Certificates (internal/controller/certificates/certificates.go,
CertificateOwnsSecret): the one that its annotation names, else the oldest. The
others are never issued, and which one is may change when the Secret is made anew.
*/
func sharedSecret() Rule {
	return Rule{
		ID:      "FED514",
		Name:    "shared-secret",
		Summary: "one Certificate writes the Secret that istiod takes its authority from",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.Certificate},
		Reads:   []mesh.Kind{mesh.Certificate},
		Doc: Doc{
			Why: "cert-manager issues one of the Certificates and leaves the others waiting without a word. Which of them it is hangs on " +
				"age and on an annotation of the Secret: when the Secret is deleted and made anew, istiod can come up with an " +
				"authority under another root, and the members no longer trust each other.",
			Bad: certificateExample("{name: authority-new, namespace: istio-system}", "isCA: true", "commonName: istio", "secretName: cacerts") +
				otherAuthority("cacerts"),
			Good: certificateExample("{name: authority-new, namespace: istio-system}", "isCA: true", "commonName: istio", "secretName: cacerts") +
				otherAuthority("cacerts-old"),
			Fix: "Delete the Certificates that are not meant, or give them Secrets of their own.",
		},
		Check: checkSharedSecret,
	}
}

// otherAuthority is what an example has beside its Certificate: another for a Secret.
func otherAuthority(secret string) string {
	return `---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: authority, namespace: istio-system}
spec:
  isCA: true
  commonName: istio
  secretName: ` + secret + `
  issuerRef: {name: mesh, kind: ClusterIssuer}
`
}

func checkSharedSecret(review Review, view *mesh.View) []Finding {
	if review.Object.Certificate.SecretName != mesh.AuthoritySecret {
		return nil
	}
	others := view.Authorities(review.Object.Namespace)
	if len(others) == 0 {
		return nil
	}
	var names []string
	for _, other := range others {
		names = append(names, other.Name)
	}
	return []Finding{{
		Field:   spec().Child("secretName"),
		Value:   mesh.AuthoritySecret,
		Message: "Certificate " + AndMore(names) + " writes the Secret " + mesh.AuthoritySecret + " as well",
		Fix:     "give one a Secret of its own, or delete it",
		Related: others,
	}}
}
