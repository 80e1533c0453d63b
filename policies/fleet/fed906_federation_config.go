package fleet

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED906 federation-config: Istio and SPIRE of a cluster trust the other members.

Restricted, where the objects are given:

	data.mesh of the ConfigMap istio (istio-<revision>) in the root namespace
	spec.meshConfig of an IstioOperator
	spec.trustDomain of ClusterFederatedTrustDomains (spire.spiffe.io)
	spec.federatesWith of a ClusterSPIFFEID (spire.spiffe.io)

Forbidden:

  - a mesh configuration with another trustDomain than the local member's, or one that
    accepts a member's trust domain neither as trustDomainAliases nor in
    caCertificates[*].trustDomains
  - ClusterFederatedTrustDomains, none of which is for a member's trust domain; the
    finding is on the Federation
  - a ClusterSPIFFEID that selects pods by nothing but the registration labels of the
    Federation, and does not federate with a member's trust domain

Allowed: the other members' trust domains where they are the local one's; clusters
without such objects, whose configuration comes from somewhere else; an IstioOperator
or ConfigMap that says nothing of a trustDomain and nothing of other domains, where
Helm values or other layers may; whatever concerns domains that are no member's.
*/
func federationConfig() Rule {
	return Rule{
		Rule: policies.Rule{
			ID:      "FED906",
			Name:    "federation-config",
			Summary: "Istio and SPIRE of a cluster trust the other members",
			Action:  policies.Deny,
			Applies: []mesh.Kind{mesh.FederationKind, mesh.ConfigMap, mesh.IstioOperator, mesh.ClusterSPIFFEID},
			Doc: policies.Doc{
				Why: "A sidecar takes certificates of its own trust domain, of its aliases, and of those that " +
					"`caCertificates` names; and it has the bundles of those domains only that SPIRE federates with, and that the " +
					"workload's registration names. Where either lacks a member, every handshake with it fails, though the other " +
					"half is right.",
				Bad:  configExample("  caCertificates: []"),
				Good: configExample("  caCertificates:\n    - spiffeBundleUrl: https://spire.bar.com:8443\n      trustDomains: [bar.com]"),
				Fix:  "Add the member's trust domain to caCertificates of the mesh configuration, and to SPIRE's objects.",
			},
		},
		Check: checkFederationConfig,
	}
}

func configExample(authorities string) string {
	return "# cluster: cluster-1\n" + federationOf("cluster-1") + `---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |-
    trustDomain: foo.com
  ` + authorities + "\n"
}

func checkFederationConfig(fleet *Fleet) []Finding {
	var findings []Finding
	for _, in := range fleet.clusters {
		if !in.Federation.Declared {
			continue
		}
		for _, object := range in.Objects {
			switch object.Ref.Kind {
			case mesh.ConfigMap, mesh.IstioOperator:
				findings = append(findings, in.meshFindings(object)...)
			case mesh.ClusterSPIFFEID:
				findings = append(findings, in.registrationFindings(object)...)
			}
		}
		findings = append(findings, in.bundleFindings()...)
	}
	return findings
}

// peers returns the trust domains of the other members that are not the local one's
// own, each once and in the order of the members.
func (c *cluster) peers() []string {
	local := c.Federation.Local
	var domains []string
	for _, member := range c.Federation.Spec.Members {
		domain := member.TrustDomain
		if member.Name != local.Name && domain != local.TrustDomain && !slices.Contains(domains, domain) {
			domains = append(domains, domain)
		}
	}
	return domains
}

// meshFindings are those on a mesh configuration.
func (c *cluster) meshFindings(object *mesh.Object) []Finding {
	config, path := meshConfigOf(object, c.Federation.Spec.RootNamespace)
	if config == nil {
		return nil
	}
	on := func(name, value, message, fix string) Finding {
		return Finding{Cluster: c.number, Object: object, Finding: policies.Finding{Field: path(name), Value: value, Message: message, Fix: fix}}
	}
	var findings []Finding
	local := c.Federation.Local.TrustDomain
	if config.TrustDomain != "" && config.TrustDomain != local {
		findings = append(findings, on("trustDomain", config.TrustDomain,
			fmt.Sprintf("trust domain %s, and the Federation says that of %s is %s", policies.Quote(config.TrustDomain), c.member, policies.Quote(local)),
			"make them one"))
	}
	if config.silent(object.Kind) {
		return findings
	}
	for _, domain := range c.peers() {
		if !config.accepts(domain) {
			findings = append(findings, on("caCertificates", domain,
				fmt.Sprintf("certificates of trust domain %s are refused", policies.Quote(domain)),
				"list it in trustDomains of an entry with its spiffeBundleUrl"))
		}
	}
	return findings
}

// bundleFindings are those on trust domains that SPIRE does not federate with, where
// it federates with any.
func (c *cluster) bundleFindings() []Finding {
	var federated []string
	some := false
	for _, object := range c.Objects {
		if object.Ref.Kind == mesh.ClusterFederatedTrustDomain {
			some = true
			federated = append(federated, federatedTrustDomain(object))
		}
	}
	if !some {
		return nil
	}
	var findings []Finding
	for i, member := range c.Federation.Spec.Members {
		if domain := member.TrustDomain; slices.Contains(c.peers(), domain) && !slices.Contains(federated, domain) {
			findings = append(findings, federationFinding(c, policies.Finding{
				Field:   field.NewPath("spec", "members").Index(i).Child("trustDomain"),
				Value:   domain,
				Message: fmt.Sprintf("no ClusterFederatedTrustDomain is for %s, so that SPIRE has no bundle of it", policies.Quote(domain)),
				Fix:     "create one",
			}))
		}
	}
	return findings
}

// registrationFindings are those on a ClusterSPIFFEID.
func (c *cluster) registrationFindings(object *mesh.Object) []Finding {
	registration := registrationOf(object)
	if registration == nil || !registration.selectsBy(c.Federation.Spec.Pods.RegistrationLabels) {
		return nil
	}
	var missing []string
	for _, domain := range c.peers() {
		if !slices.Contains(registration.FederatesWith, domain) {
			missing = append(missing, domain)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return []Finding{{Cluster: c.number, Object: object, Finding: policies.Finding{
		Field:   field.NewPath("spec", "federatesWith"),
		Value:   strings.Join(missing, ","),
		Message: fmt.Sprintf("workloads get no bundle of %s", policies.AndMore(missing)),
		Fix:     "list it",
	}}}
}
