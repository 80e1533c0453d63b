package policies

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"
	networking "istio.io/api/networking/v1alpha3"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED406 removed-filter: an EnvoyFilter names filters that the proxy has.

Restricted fields of an EnvoyFilter:

	spec.configPatches[*].match.listener.filterChain.filter.name
	spec.configPatches[*].match.listener.filterChain.filter.subFilter.name
	spec.configPatches[*].patch.value, a name or a type URL anywhere in it

Warned about: the network filters tcp_cluster_rewrite, sni_verifier and
forward_downstream_sni, with the prefix "envoy.filters.network." or without, and type
URLs of their packages. They are gone from the proxy since Istio 1.20 (istio
releasenotes/notes/envoy-filter-removal.yaml), while istiod still knows their types
and passes them on (istio pkg/config/xds/filter_types.gen.go).

Allowed: a patch whose match.proxy.proxyVersion fits no such proxy; the same words as
any other value; every other EnvoyFilter.
*/
func removedFilter() Rule {
	return Rule{
		ID:      "FED406",
		Name:    "removed-filter",
		Summary: "an EnvoyFilter names no filter that is gone since Istio 1.20",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.EnvoyFilter},
		Doc: Doc{
			Why: "Older walkthroughs turn `.global` into `.svc.cluster.local` at the gateway by `tcp_cluster_rewrite`. The proxy does " +
				"not have that filter any more and refuses the whole listener that is to have it: an update never arrives, and a " +
				"new gateway does not listen at all.",
			Bad: `apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: istio-multicluster-ingressgateway, namespace: istio-system}
spec:
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches:
  - applyTo: NETWORK_FILTER
    match:
      context: GATEWAY
      listener: {portNumber: 15443, filterChain: {filter: {name: envoy.filters.network.sni_cluster}}}
    patch:
      operation: INSERT_AFTER
      value:
        name: envoy.filters.network.tcp_cluster_rewrite
        typed_config:
          "@type": type.googleapis.com/istio.envoy.config.filter.network.tcp_cluster_rewrite.v2alpha1.TcpClusterRewrite
          cluster_pattern: \.global$
          cluster_replacement: .svc.cluster.local
`,
			Good: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin, namespace: foo}
spec:
  hosts: [httpbin.foo.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8000, name: http, protocol: HTTP}]
  workloadSelector: {labels: {app: httpbin}}
`,
			Fix: "Delete the EnvoyFilter. In the place of `tcp_cluster_rewrite` define the federated host in the cluster that serves it, too: " +
				"a ServiceEntry with a workloadSelector.",
		},
		Check: checkRemovedFilter,
	}
}

// rewrite is the filter that made federated hosts into local ones.
const rewrite = "tcp_cluster_rewrite"

// removedFilters are the names of the filters without their prefix.
func removedFilters() []string {
	return []string{rewrite, "sni_verifier", "forward_downstream_sni"}
}

// longestPath bounds the paths within Envoy's configuration, whose fields are the
// user's to name.
const longestPath = 120

func checkRemovedFilter(review Review, _ *mesh.View) []Finding {
	var findings []Finding
	for i, patch := range review.Object.EnvoyFilter.GetConfigPatches() {
		if onlyOldProxies(patch.GetMatch().GetProxy()) {
			continue
		}
		path := spec().Child("configPatches").Index(i)
		filter := patch.GetMatch().GetListener().GetFilterChain().GetFilter()
		at := path.Child("match", "listener", "filterChain", "filter")
		for _, named := range []struct {
			path  *field.Path
			value string
		}{{at.Child("name"), filter.GetName()}, {at.Child("subFilter", "name"), filter.GetSubFilter().GetName()}} {
			if isRemoved(named.value) {
				findings = append(findings, removed(textAt(named), "nothing matches it", "remove the patch"))
			}
		}
		for _, text := range removedIn(path.Child("patch", "value"), patch.GetPatch().GetValue()) {
			if len(text.path.String()) > longestPath {
				text.path = path.Child("patch", "value")
			}
			fix := "remove the patch"
			if strings.Contains(text.value, rewrite) {
				fix = "define the federated host here instead"
			}
			findings = append(findings, removed(text, "proxies refuse the listener", fix))
		}
	}
	return findings
}

func removed(text textAt, effect, fix string) Finding {
	filters := removedFilters()
	filter := filters[slices.IndexFunc(filters, func(f string) bool { return strings.Contains(text.value, f) })]
	return Finding{Field: text.path, Value: text.value, Message: filter + " is gone since Istio 1.20, " + effect, Fix: fix}
}

// isRemoved reports whether this is the name of a filter that is gone.
func isRemoved(name string) bool {
	return slices.Contains(removedFilters(), strings.TrimPrefix(name, "envoy.filters.network."))
}

// isRemovedType reports whether this is the type URL of such a filter.
func isRemovedType(url string) bool {
	_, name, _ := strings.Cut(url, "/")
	return slices.ContainsFunc(strings.Split(name, "."), func(part string) bool { return slices.Contains(removedFilters(), part) })
}

// textAt is a text and where it stands.
type textAt struct {
	path  *field.Path
	value string
}

// removedIn returns the names of filters that are gone in a part of Envoy's
// configuration, in the order of their paths. The type of one that has such a name is
// not named again.
func removedIn(path *field.Path, value *structpb.Struct) []textAt {
	name, named := value.GetFields()["name"].GetKind().(*structpb.Value_StringValue)
	var found []textAt
	if named && isRemoved(name.StringValue) {
		return []textAt{{path.Child("name"), name.StringValue}}
	}
	keys := make([]string, 0, len(value.GetFields()))
	for key := range value.GetFields() {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		at := path.Child(key)
		if text := value.GetFields()[key].GetStringValue(); key == "@type" && isRemovedType(text) {
			found = append(found, textAt{at, text})
			continue
		}
		found = append(found, removedBelow(at, value.GetFields()[key])...)
	}
	return found
}

func removedBelow(path *field.Path, value *structpb.Value) []textAt {
	var found []textAt
	switch kind := value.GetKind().(type) {
	case *structpb.Value_StructValue:
		found = removedIn(path, kind.StructValue)
	case *structpb.Value_ListValue:
		for i, element := range kind.ListValue.GetValues() {
			found = append(found, removedBelow(path.Index(i), element)...)
		}
	}
	return found
}

// Minor versions of Istio without the filters, up to one that is not to come soon.
const (
	firstWithout = 20
	lastWithout  = 39
)

// longestExpression is the length of a proxyVersion beyond which Istio lets it fit no
// proxy (istio pilot/pkg/model/envoyfilter.go, maxProxyVersionLen).
const longestExpression = 1024

// onlyOldProxies reports whether a patch is for proxies that have the filters: those
// whose version fits the expression (istio
// pilot/pkg/model/envoyfilter.go, proxyMatch). One that does not parse
// Istio refuses.
func onlyOldProxies(match *networking.EnvoyFilter_ProxyMatch) bool {
	if match.GetProxyVersion() == "" {
		return false
	}
	if len(match.GetProxyVersion()) > longestExpression {
		return true
	}
	expression, err := regexp.Compile(match.GetProxyVersion())
	if err != nil {
		return true
	}
	for minor := firstWithout; minor <= lastWithout; minor++ {
		for _, patch := range []string{"", ".0", ".1", ".9"} {
			if expression.MatchString(fmt.Sprintf("1.%d%s", minor, patch)) {
				return false
			}
		}
	}
	return true
}
