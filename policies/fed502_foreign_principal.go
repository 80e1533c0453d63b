package policies

import (
	"slices"
	"strings"

	security "istio.io/api/security/v1beta1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED502 foreign-principal: the peers that an ALLOW policy names are of trust domains
of the federation.

Restricted fields of an AuthorizationPolicy whose action is ALLOW, also where that is
omitted:

	spec.rules[*].from[*].source.principals[*]

Warned about: a principal of the form <trust domain>/ns/… whose trust domain, in
which there is no "*", is that of no member and no alias of one. Istio keeps such a
name as it is and only logs a line (istio pilot/pkg/security/trustdomain/bundle.go,
ReplaceTrustDomainAliases). Trust domains are compared byte by byte, as in
certificates.

The same where spiffe:// comes before the trust domain of a member: Istio puts the
scheme in front of every principal (istio pilot/pkg/security/authz/model/generator.go,
srcPrincipalGenerator), so that no certificate has that name.

Allowed: cluster.local, which stands for the local trust domain; patterns with a "*"
in the trust domain; names of another form. The actions DENY, AUDIT and CUSTOM, and
notPrincipals, can name whom they like.

Without a Federation nobody says who the members are.
*/
func foreignPrincipal() Rule {
	return Rule{
		ID:      "FED502",
		Name:    "foreign-principal",
		Summary: "the principals of an ALLOW policy are of trust domains of the federation",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.AuthorizationPolicy},
		Doc: Doc{
			Why: "A principal begins with the trust domain of the client's certificate. Istio takes every text for one and says " +
				"nothing where it has never heard of it: the clients that were meant are refused with 403, in whatever member they run.",
			Bad: `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: httpbin, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules: [{from: [{source: {principals: [cluster-2/ns/bar/sa/sleep]}}]}]
`,
			Good: `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: httpbin, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules: [{from: [{source: {principals: [bar.com/ns/bar/sa/sleep]}}]}]
`,
			Fix: "Write the trust domain of the member that the client runs in, without `spiffe://`.",
		},
		Check: checkForeignPrincipal,
	}
}

func checkForeignPrincipal(review Review, view *mesh.View) []Finding {
	federation := view.Federation()
	if !federation.Declared || review.Object.AuthorizationPolicy.GetAction() != security.AuthorizationPolicy_ALLOW {
		return nil
	}
	var findings []Finding
	forEachSource(review.Object, func(path *field.Path, _ *security.Rule, source *security.Source) {
		for i, principal := range source.GetPrincipals() {
			at := path.Child("principals").Index(i)
			if message, fix := foreign(principal, at, federation); message != "" {
				findings = append(findings, Finding{Field: at, Value: principal, Message: message, Fix: fix})
			}
		}
	})
	return findings
}

// foreign returns what is wrong with the principal at path and what mends it; ""
// when that is nothing.
func foreign(principal string, path *field.Path, federation *mesh.Federation) (message, fix string) {
	name, schemed := strings.CutPrefix(principal, spiffeScheme)
	domain, rest := cutPrincipal(name)
	known := len(federation.MembersOfTrustDomain(domain)) > 0
	switch {
	case domain == "" || strings.Contains(domain, "*") || !namesWorkload(rest):
		return "", ""
	case schemed && known:
		return "no client has this name, Istio adds " + spiffeScheme + " itself", "write " + Quote(name)
	case schemed || known || domain == localPointer:
		return "", ""
	}
	fix = "members have " + Quote(strings.Join(trustDomains(federation), ", "))
	if lower := strings.ToLower(domain); len(federation.MembersOfTrustDomain(lower)) > 0 {
		fix = "write " + Quote(lower)
	}
	const before, after = "trust domain ", " is no member's, no client has it"
	return before + fit(domain, path, before+after+"; "+fix) + after, fix
}

// forEachSource calls yield for each source of an AuthorizationPolicy's rules, with
// the path of the source and the rule that it is of.
func forEachSource(policy *mesh.Object, yield func(path *field.Path, rule *security.Rule, source *security.Source)) {
	for i, rule := range policy.AuthorizationPolicy.GetRules() {
		for j, from := range rule.GetFrom() {
			path := spec().Child("rules").Index(i).Child("from").Index(j).Child("source")
			yield(path, rule, from.GetSource())
		}
	}
}

// restrictsTrustDomain reports whether rule or source says by other means than
// principals of which trust domains its clients are.
func restrictsTrustDomain(rule *security.Rule, source *security.Source) bool {
	return len(source.GetTrustDomains()) > 0 || len(source.GetNotTrustDomains()) > 0 ||
		slices.ContainsFunc(rule.GetWhen(), func(when *security.Condition) bool {
			return when.GetKey() == "source.principal" || when.GetKey() == "source.trustDomain"
		})
}
