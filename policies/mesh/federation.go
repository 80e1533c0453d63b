package mesh

import (
	"net/netip"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
)

// Federation is a compiled Federation specification: what it says, in the form
// that questions are answered from. It is never changed once it is made.
type Federation struct {
	// Declared is false for the configuration that holds while there is no
	// Federation object: then nothing is denied and pods are left alone.
	Declared bool
	// Spec is the specification with its defaults filled in.
	Spec v1alpha1.FederationSpec
	// Local is the member that this cluster is.
	Local v1alpha1.Member

	// ranges of virtual addresses
	cidrs      []netip.Prefix
	reserved   []netip.Prefix
	autoRanges []netip.Prefix

	members  memberIndex
	settings []ruleSetting
}

// ruleSetting is a compiled v1alpha1.RuleSetting.
type ruleSetting struct {
	id       string
	action   v1alpha1.RuleAction
	selector labels.Selector // nil: everywhere
}

// Undeclared is the configuration that holds while there is no Federation
// object. It restricts no address to a range: nobody said which are meant.
func Undeclared() *Federation {
	spec := v1alpha1.FederationSpec{VIPs: v1alpha1.VIPs{CIDRs: []string{}}}
	setDefaults(&spec)
	federation := &Federation{Spec: spec}
	var errs field.ErrorList
	federation.autoRanges = parseRanges(spec.VIPs.AutoRanges, nil, &errs)
	return federation
}

// Compile checks spec and prepares it for questions. Errors name the field, the
// value and what is wanted. Defaults are filled in as the API server does from
// the CRD's schema, so that files need not spell them out.
func Compile(spec v1alpha1.FederationSpec) (*Federation, field.ErrorList) {
	spec = *spec.DeepCopy()
	setDefaults(&spec)
	root := field.NewPath("spec")
	var errs field.ErrorList
	federation := &Federation{Declared: true, Spec: spec}

	local := slices.IndexFunc(spec.Members, func(m v1alpha1.Member) bool { return m.Name == spec.LocalMember })
	if local < 0 {
		errs = append(errs, field.Invalid(root.Child("localMember"), spec.LocalMember,
			"must be the name of one of members: "+strings.Join(memberNames(spec.Members), ", ")))
	} else {
		federation.Local = spec.Members[local]
	}
	names := map[string]bool{}
	for i, member := range spec.Members {
		if names[member.Name] {
			errs = append(errs, field.Duplicate(root.Child("members").Index(i).Child("name"), member.Name))
		}
		names[member.Name] = true
	}
	federation.members = newMemberIndex(spec.Members)

	vips := root.Child("vips")
	federation.cidrs = parseRanges(spec.VIPs.CIDRs, vips.Child("cidrs"), &errs)
	federation.reserved = parseRanges(spec.VIPs.Reserved, vips.Child("reserved"), &errs)
	federation.autoRanges = parseRanges(spec.VIPs.AutoRanges, vips.Child("autoRanges"), &errs)

	for i, setting := range spec.Rules {
		compiled := ruleSetting{id: setting.ID, action: setting.Action}
		if setting.NamespaceSelector != nil {
			selector, err := metav1.LabelSelectorAsSelector(setting.NamespaceSelector)
			if err != nil {
				errs = append(errs, field.Invalid(root.Child("rules").Index(i).Child("namespaceSelector"),
					metav1.FormatLabelSelector(setting.NamespaceSelector), err.Error()))
				continue
			}
			compiled.selector = selector
		}
		federation.settings = append(federation.settings, compiled)
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return federation, nil
}

func memberNames(members []v1alpha1.Member) []string {
	var names []string
	for _, member := range members {
		names = append(names, member.Name)
	}
	return names
}

// setDefaults fills in what the CRD's schema says for absent fields.
func setDefaults(spec *v1alpha1.FederationSpec) {
	setDefault(&spec.RootNamespace, "istio-system")
	setDefault(&spec.ClusterDomain, "cluster.local")
	if len(spec.Hosts.Suffixes) == 0 {
		spec.Hosts.Suffixes = []string{"global"}
	}
	setDefault(&spec.Hosts.Pattern, v1alpha1.HostPatternNameNamespace)
	if spec.VIPs.CIDRs == nil {
		spec.VIPs.CIDRs = []string{"240.0.0.0/4"}
	}
	if spec.VIPs.AutoRanges == nil {
		spec.VIPs.AutoRanges = []string{"240.240.0.0/16", "2001:2::/48"}
	}
	setDefault(&spec.VIPs.AutoAllocated, v1alpha1.AutoAllocatedForbid)
	setDefault(&spec.Pods.WorkloadSocket.Type, v1alpha1.WorkloadSocketCSI)
	setDefault(&spec.Pods.WorkloadSocket.CSIDriver, "csi.spiffe.io")
	if spec.Pods.DNSCapture == nil {
		capture := true
		spec.Pods.DNSCapture = &capture
	}
	setDefault(&spec.Pods.NetworkLabel, v1alpha1.NetworkLabelAuto)
	if spec.Pods.RegistrationLabels == nil {
		spec.Pods.RegistrationLabels = map[string]string{"spiffe.io/spire-managed-identity": "true"}
	}
	setDefault(&spec.Pods.FinalCheck, v1alpha1.FinalCheckWarn)
	// These hang on rootNamespace, which a default of the schema cannot.
	if len(spec.Identity.IssuerNamespaces) == 0 {
		spec.Identity.IssuerNamespaces = []string{spec.RootNamespace, "cert-manager"}
	}
	if len(spec.Identity.CANamespaces) == 0 {
		spec.Identity.CANamespaces = []string{spec.RootNamespace, "cert-manager", "spire", "spire-server"}
	}
	for i := range spec.Members {
		for j := range spec.Members[i].Gateways {
			setDefault(&spec.Members[i].Gateways[j].Port, 15443)
		}
	}
}

func setDefault[T comparable](value *T, fallback T) {
	var zero T
	if *value == zero {
		*value = fallback
	}
}

// parseRanges reads IP prefixes and reports those that are none.
func parseRanges(texts []string, path *field.Path, errs *field.ErrorList) []netip.Prefix {
	var ranges []netip.Prefix
	for i, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		switch {
		case err != nil:
			*errs = append(*errs, field.Invalid(path.Index(i), text, "must be an IP prefix such as 240.0.0.0/4"))
		case prefix.Addr().Is4In6():
			*errs = append(*errs, field.Invalid(path.Index(i), text, "must not be IPv4-mapped IPv6; write it as IPv4"))
		case prefix != prefix.Masked():
			*errs = append(*errs, field.Invalid(path.Index(i), text, "has bits beyond its prefix; write "+prefix.Masked().String()))
		default:
			ranges = append(ranges, prefix)
		}
	}
	return ranges
}

// Federated reports whether host is a federated one: in canonical form it is a
// suffix of hosts.suffixes or lies below one, and no entry of hosts.external
// matches it. A wildcard is federated when what follows "*." is; "*" is not.
func (f *Federation) Federated(host string) bool {
	host = CanonicalHost(host)
	name := strings.TrimPrefix(host, "*.")
	if !slices.ContainsFunc(f.Spec.Hosts.Suffixes, func(suffix string) bool { return under(name, suffix) }) {
		return false
	}
	return !slices.ContainsFunc(f.Spec.Hosts.External, func(external string) bool {
		// A wildcard is external when all that it stands for is.
		return matches(external, name) || external == host
	})
}

// Suffix returns the federation suffix that a federated host has, the longest
// where several fit, and "" for a host that is not federated.
func (f *Federation) Suffix(host string) string {
	if !f.Federated(host) {
		return ""
	}
	name := strings.TrimPrefix(CanonicalHost(host), "*.")
	var found string
	for _, suffix := range f.Spec.Hosts.Suffixes {
		if under(name, suffix) && len(suffix) > len(found) {
			found = suffix
		}
	}
	return found
}

// Reserved returns the range of vips.reserved that addr lies in.
func (f *Federation) Reserved(addr netip.Addr) (netip.Prefix, bool) {
	return containing(f.reserved, addr)
}

// ReservedOf reports whether vips.reserved have any range of addr's family: only
// then is it known which addresses pods and nodes have.
func (f *Federation) ReservedOf(addr netip.Addr) bool {
	return slices.ContainsFunc(f.reserved, func(prefix netip.Prefix) bool { return prefix.Addr().Is4() == addr.Is4() })
}

// AutoRange returns the range of vips.autoRanges that addr lies in.
func (f *Federation) AutoRange(addr netip.Addr) (netip.Prefix, bool) {
	return containing(f.autoRanges, addr)
}

// Ranges returns the ranges of vips.cidrs of addr's family. Where there are
// none, addresses of that family are not restricted to ranges.
func (f *Federation) Ranges(addr netip.Addr) []netip.Prefix {
	var ranges []netip.Prefix
	for _, cidr := range f.cidrs {
		if cidr.Addr().Is4() == addr.Is4() {
			ranges = append(ranges, cidr)
		}
	}
	return ranges
}

// InRanges reports whether vips.cidrs allow addr.
func (f *Federation) InRanges(addr netip.Addr) bool {
	restricted := false
	for _, cidr := range f.cidrs {
		if cidr.Contains(addr) {
			return true
		}
		restricted = restricted || cidr.Addr().Is4() == addr.Is4()
	}
	return !restricted
}

func containing(ranges []netip.Prefix, addr netip.Addr) (netip.Prefix, bool) {
	for _, prefix := range ranges {
		if prefix.Contains(addr) {
			return prefix, true
		}
	}
	return netip.Prefix{}, false
}

// Action is what findings of a rule lead to in a namespace with these labels:
// the last fitting setting of the Federation, else the rule's default. While no
// Federation is declared nothing is denied.
func (f *Federation) Action(rule string, fallback v1alpha1.RuleAction, namespace labels.Set) v1alpha1.RuleAction {
	action := fallback
	for _, setting := range f.settings {
		if setting.id == rule && (setting.selector == nil || setting.selector.Matches(namespace)) {
			action = setting.action
		}
	}
	if !f.Declared && action == v1alpha1.RuleDeny {
		return v1alpha1.RuleWarn
	}
	return action
}
