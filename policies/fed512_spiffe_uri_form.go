package policies

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spiffe/go-spiffe/v2/spiffeid"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED512 spiffe-uri-form: the certificate of a workload has one URI, the workload's
SPIFFE ID in the namespace of the object.

Restricted fields of objects whose isCA is false:

	Certificate: spec.uris[*]
	CertificateRequest: spec.request, the URIs among the names that are in it

Forbidden, where one of them is a spiffe:// URI in the trust domain of the local
member or one of its aliases, or without a trust domain:

  - one of these that does not parse as a SPIFFE ID (SPIFFE-ID, section 2)
  - one of these whose path is not /ns/<namespace of the object>/sa/<name>, the form
    that Istio reads (istio pkg/spiffe/spiffe.go, ParseIdentity)
  - a further URI of any kind (X509-SVID, section 2: exactly one)

Allowed: everything in the namespaces of identity.issuerNamespaces, where one client
asks for the certificates of all workloads: istio-csr does; CertificateRequests that
a Certificate controls, since what is wrong with them is wrong with that one already;
everything while no Federation says what the local trust domain is.

URIs in other trust domains are FED511's, authorities FED513's. What cert-manager
itself does not check is said with FED511.
*/
func spiffeURIForm() Rule {
	return Rule{
		ID:      "FED512",
		Name:    "spiffe-uri-form",
		Summary: "the certificate of a workload has one URI, its SPIFFE ID in its own namespace",
		Action:  Deny,
		Applies: []mesh.Kind{mesh.Certificate, mesh.CertificateRequest},
		Doc: Doc{
			Why: "A `spiffe://` URI is who a workload is. With the name of another namespace it is somebody else, whose rights its " +
				"bearer has in the whole federation, and cert-manager approves it all the same. One that Istio or SPIFFE cannot read, or " +
				"that comes with a second URI, is refused at the handshake or matches no AuthorizationPolicy.",
			Bad: certificateExample("{name: httpbin, namespace: foo}", "uris: [spiffe://foo.com/ns/payments/sa/httpbin]", "secretName: httpbin-tls"),
			Good: certificateExample("{name: httpbin, namespace: foo}", "uris: [spiffe://foo.com/ns/foo/sa/httpbin]",
				"secretName: httpbin-tls"),
			Fix: "Write the one URI as `spiffe://<trust domain>/ns/<namespace of the object>/sa/<service account>`, or list a namespace " +
				"that certificates of all workloads are asked for in in `identity.issuerNamespaces` of the Federation.",
		},
		Check: checkSPIFFEURIForm,
	}
}

func checkSPIFFEURIForm(review Review, view *mesh.View) []Finding {
	object, federation := review.Object, view.Federation()
	if !federation.Declared || ofAuthority(object) || ofCertificate(object) ||
		slices.Contains(federation.Spec.Identity.IssuerNamespaces, object.Namespace) {
		return nil
	}
	names := uriNames(object)
	// Not the first ones: in another order they are the same finding.
	own := leastName(names, func(i int) bool { return inLocalDomain(names[i], federation.Local) })
	if own < 0 {
		return nil
	}
	further := leastName(names, func(i int) bool { return i != own }) // beside the workload's own, standing for all
	var findings []Finding
	for i, name := range names {
		report := func(wrong, fix string) {
			message := fit(name.text, name.field, wrong+"; "+fix) + wrong
			findings = append(findings, Finding{Field: name.field, Value: name.text, Message: message, Fix: fix})
		}
		if inLocalDomain(name, federation.Local) {
			if wrong, fix := misnames(name, object.Namespace); wrong != "" {
				report(wrong, fix)
			}
		}
		if i == further {
			report(fmt.Sprintf(" is one of %d URIs, and a workload has one", len(names)), "ask for a certificate for each")
		}
	}
	return findings
}

// leastName returns the index of the name, among those that count, that comes first by
// its text; -1 when none counts.
func leastName(names []uriName, counts func(int) bool) int {
	least := -1
	for i, name := range names {
		if counts(i) && (least < 0 || name.text < names[least].text) {
			least = i
		}
	}
	return least
}

// inLocalDomain reports whether a name is meant for a workload of the local member. One
// without a trust domain is meant for nobody else.
func inLocalDomain(name uriName, local v1alpha1.Member) bool {
	domain, spiffe := name.trustDomain()
	return spiffe && (domain == "" || localDomain(domain, local))
}

// misnames says what is wrong with the name of a workload of a namespace and how it is
// mended, both empty for one that is right.
func misnames(name uriName, namespace string) (wrong, fix string) {
	id, err := spiffeid.FromString(name.text)
	if err != nil {
		return " is no SPIFFE ID: " + err.Error(), "write a valid one"
	}
	path := strings.Split(id.Path(), "/")
	if len(path) != 5 || path[1] != "ns" || path[3] != "sa" {
		return " is not of the form /ns/<namespace>/sa/<name>", "write /ns/" + namespace + "/sa/<name>"
	}
	if path[2] != namespace {
		return " names namespace " + withoutMiddle(path[2], shortName), "write /ns/" + namespace + "/sa/<name>, or list this namespace in identity.issuerNamespaces"
	}
	return "", ""
}
