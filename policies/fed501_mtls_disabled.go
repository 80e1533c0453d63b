package policies

import (
	"fmt"
	"slices"
	"strconv"

	security "istio.io/api/security/v1beta1"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED501 mtls-disabled: workloads that peers reach take mutual TLS.

Restricted fields of a PeerAuthentication:

	spec.mtls.mode
	spec.portLevelMtls[*].mode

Warned about: the mode DISABLE

  - with a selector: where it is certainly for workloads behind a federated host of
    this cluster, those of a ServiceEntry with a workloadSelector, on a port that they
    are reached on. The mode of a port goes before that of the policy
  - without a selector: where such workloads are in its namespace, or the namespace
    takes part in the federation
  - without a selector in the root namespace: where either is true of any namespace

Allowed: every other mode; UNSET is that of the next wider policy. DISABLE on a port
that no federated host is reached on, such as one for metrics, and for workloads that
are behind none. A selector in the root namespace, which Istio passes over (istio
pilot/pkg/security/authn/policy_applier.go, ComposePeerAuthentication); portLevelMtls
without a selector, which it refuses.

A narrower policy can take mutual TLS again for some of the workloads. The rule does
not look for one: the wide policy has to be right for what comes next.
*/
func mtlsDisabled() Rule {
	return Rule{
		ID:      "FED501",
		Name:    "mtls-disabled",
		Summary: "workloads behind a federated host, and those of a namespace that takes part, do not refuse mutual TLS",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.PeerAuthentication},
		Reads:   []mesh.Kind{mesh.ServiceEntry, mesh.Namespace},
		Doc: Doc{
			Why: "The east-west gateway passes the client's mutual TLS through to the workload. One that takes plaintext only does not " +
				"understand it, and Istio leaves its endpoints out for clients of other networks: peers get a reset or 503.",
			Bad: `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: httpbin, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  mtls: {mode: DISABLE}
` + servedExample,
			Good: `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: httpbin, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  mtls: {mode: PERMISSIVE}
` + servedExample,
			Fix: "Write `PERMISSIVE`, which takes plaintext as well, or `STRICT`.",
		},
		Check: checkMTLSDisabled,
	}
}

const disabledFix = "write PERMISSIVE or STRICT"

func checkMTLSDisabled(review Review, view *mesh.View) []Finding {
	policy := review.Object.PeerAuthentication
	selector := mesh.SelectorLabels(policy.GetSelector().GetMatchLabels())
	if len(selector) == 0 {
		return wideDisabled(review.Object, view)
	}
	if review.Object.Namespace == view.Federation().Spec.RootNamespace || !anyDisabled(policy) {
		return nil
	}

	// By the port that says so; 0 is the policy itself.
	findings := map[uint32]Finding{}
	for _, entry := range servedEntries(review.Object.Namespace, view) {
		if !concerns(selector, entry) {
			continue
		}
		for _, port := range entry.TargetPorts {
			at, field, value := uint32(0), spec().Child("mtls", "mode"), "DISABLE"
			mode := policy.GetMtls().GetMode()
			if own := policy.GetPortLevelMtls()[port].GetMode(); own != security.PeerAuthentication_MutualTLS_UNSET {
				name := strconv.FormatUint(uint64(port), 10)
				at, field, value, mode = port, spec().Child("portLevelMtls").Key(name).Child("mode"), name+": DISABLE", own
			}
			if _, known := findings[at]; known || mode != security.PeerAuthentication_MutualTLS_DISABLE {
				continue
			}
			findings[at] = Finding{
				Field:   field,
				Value:   value,
				Message: fmt.Sprintf("peers reach %s by mutual TLS on port %d, which is refused", Quote(servedHost(entry, view.Federation())), port),
				Fix:     disabledFix,
				Related: []mesh.Ref{entry.Ref},
			}
		}
	}
	return inOrder(findings)
}

func anyDisabled(policy *security.PeerAuthentication) bool {
	disabled := policy.GetMtls().GetMode() == security.PeerAuthentication_MutualTLS_DISABLE
	for _, port := range policy.GetPortLevelMtls() {
		disabled = disabled || port.GetMode() == security.PeerAuthentication_MutualTLS_DISABLE
	}
	return disabled
}

// inOrder returns the findings by port in ascending order.
func inOrder(findings map[uint32]Finding) []Finding {
	var ports []uint32
	for port := range findings {
		ports = append(ports, port)
	}
	slices.Sort(ports)
	var ordered []Finding
	for _, port := range ports {
		ordered = append(ordered, findings[port])
	}
	return ordered
}

// wideDisabled is about a policy for a whole namespace or for all of them.
func wideDisabled(object *mesh.Object, view *mesh.View) []Finding {
	if object.PeerAuthentication.GetMtls().GetMode() != security.PeerAuthentication_MutualTLS_DISABLE {
		return nil
	}
	finding := Finding{Field: spec().Child("mtls", "mode"), Value: "DISABLE", Fix: disabledFix}
	if entries := servedEntries(object.Namespace, view); len(entries) > 0 {
		finding.Message = "peers reach " + Quote(servedHost(entries[0], view.Federation())) + " by mutual TLS, which is refused"
		finding.Related = []mesh.Ref{entries[0].Ref}
		return []Finding{finding}
	}
	namespaces := []string{object.Namespace}
	if object.Namespace == view.Federation().Spec.RootNamespace {
		namespaces = view.OptedInNamespaces()
	} else if !mesh.OptedIn(view.NamespaceLabels(object.Namespace)) {
		return nil
	}
	if len(namespaces) == 0 {
		return nil
	}
	finding.Message = "namespace " + Quote(namespaces[0]) + " takes part in the federation, and mutual TLS is refused"
	return []Finding{finding}
}
