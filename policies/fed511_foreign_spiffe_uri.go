package policies

import (
	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED511 foreign-spiffe-uri: certificates that cert-manager issues name identities of
this cluster.

Restricted fields:

	Certificate: spec.uris[*]
	CertificateRequest: spec.request, the URIs among the names that are in it

Denied: a spiffe:// URI in the trust domain, or an alias, of another member that is
neither the trust domain nor an alias of the local one.

Warned about: one in the trust domain of nobody. Istio's proxies refuse it, unless
their mesh configuration trusts it (istio
pilot/pkg/networking/plugin/authn/util.go, TrustDomainsForValidation).

Never more than a warning: a CertificateRequest that a Certificate controls, which
is a renewal as likely as not.

Allowed: URIs of other kinds; everything while no Federation says who is who.
What of a spiffe:// URI follows its trust domain is FED512's.

cert-manager looks at none of this: its admission checks that there is a name, the
issuer, durations, usages and keys and that a request can be read (cert-manager
internal/apis/certmanager/validation), and its own approver approves every request
(pkg/controller/certificaterequests/approver/sync.go). Whoever may create these
objects in one namespace can ask for any name that the issuer signs.
*/
func foreignSPIFFEURI() Rule {
	return Rule{
		ID:      "FED511",
		Name:    "foreign-spiffe-uri",
		Summary: "a certificate names no workload of another member",
		Action:  Deny,
		Applies: []mesh.Kind{mesh.Certificate, mesh.CertificateRequest},
		Doc: Doc{
			Why: "cert-manager does not look into `spiffe://` URIs and approves every request. Where the clusters share a root, " +
				"a certificate with the name of a workload of another member is that workload to every proxy of the mesh: it gets " +
				"what AuthorizationPolicies allow to it and can stand in for its services. Where they do not, no proxy accepts it.",
			Bad: certificateExample("{name: httpbin, namespace: foo}", "uris: [spiffe://bar.com/ns/foo/sa/httpbin]", "secretName: httpbin-tls"),
			Good: certificateExample("{name: httpbin, namespace: foo}", "uris: [spiffe://foo.com/ns/foo/sa/httpbin]",
				"secretName: httpbin-tls"),
			Fix: "Name the workload in the trust domain of this cluster, or ask for the certificate in the cluster that the trust domain is of.",
		},
		Check: checkForeignSPIFFEURI,
	}
}

func checkForeignSPIFFEURI(review Review, view *mesh.View) []Finding {
	federation := view.Federation()
	if !federation.Declared {
		return nil
	}
	var findings []Finding
	for _, name := range uriNames(review.Object) {
		domain, _ := name.trustDomain()
		if domain == "" || localDomain(domain, federation.Local) {
			continue
		}
		finding := Finding{
			Field:   name.field,
			Value:   name.text,
			Excused: ofCertificate(review.Object),
		}
		local := withoutMiddle(federation.Local.TrustDomain, shortName)
		if members := federation.MembersOfTrustDomain(domain); len(members) > 0 {
			finding.Fix = "use " + local + ", or ask for it in that cluster"
			wrong := " is in the trust domain of " + nameMembers(members)
			finding.Message = fit(name.text, name.field, wrong+"; "+finding.Fix) + wrong
		} else {
			finding.Action = Warn
			finding.Message = "no member has the trust domain " + Quote(domain)
			finding.Fix = "use " + local + ", or list it in trustDomainAliases of a member"
		}
		findings = append(findings, finding)
	}
	return findings
}

// certificateExample is an example with a Certificate of such metadata and
// specification, and the Federation of two clusters.
func certificateExample(metadata string, spec ...string) string {
	example := "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: " + metadata + "\nspec:\n"
	for _, field := range spec {
		example += "  " + field + "\n"
	}
	return example + `  issuerRef: {name: mesh, kind: ClusterIssuer}
---
apiVersion: fedmesh.io/v1alpha1
kind: Federation
metadata: {name: default}
spec:
  localMember: cluster-1
  members:
  - {name: cluster-1, network: network-1, trustDomain: foo.com, gateways: [{address: 34.136.67.85}]}
  - {name: cluster-2, network: network-2, trustDomain: bar.com, gateways: [{address: 34.122.11.2}]}
`
}
