package manifests

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"fedmesh.io/fedmesh/test/installation"
)

// allowedWrites are the permissions that change something. Who adds one to the
// manifests has to add it here, too, and think twice.
func allowedWrites(overlay string) []string {
	writes := []string{
		"cluster: create events.events.k8s.io",
		"cluster: create ipaddresses.networking.k8s.io",
		"cluster: delete ipaddresses.networking.k8s.io",
		"cluster: patch events.events.k8s.io",
		"cluster: patch federations/status.fedmesh.io",
		"fedmesh-system: create leases.coordination.k8s.io",
		"fedmesh-system: delete leases.coordination.k8s.io",
		"fedmesh-system: update leases.coordination.k8s.io",
	}
	if overlay == "selfmanaged" {
		writes = append(writes,
			"cluster: patch mutatingwebhookconfigurations.admissionregistration.k8s.io fedmesh",
			"cluster: patch validatingwebhookconfigurations.admissionregistration.k8s.io fedmesh",
			"fedmesh-system: create secrets",
			"fedmesh-system: update secrets fedmesh-ca",
		)
	}
	slices.Sort(writes)
	return writes
}

// permissions looks at what the ServiceAccount may do: first at all that changes
// something, as the manifests have it, then at what the API server says to some
// telling questions.
func (o *overlay) permissions(t *testing.T) {
	var writes []string
	for _, object := range o.objects {
		if object.GetKind() != "Role" && object.GetKind() != "ClusterRole" {
			continue
		}
		role := &rbacv1.ClusterRole{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, role); err != nil {
			t.Fatal(err)
		}
		scope := "cluster"
		if object.GetKind() == "Role" {
			scope = object.GetNamespace()
		}
		for _, permission := range spellOut(role.Rules) {
			if strings.Contains(permission, "*") {
				t.Errorf("%s %s allows %s; want no wildcards", object.GetKind(), object.GetName(), permission)
			}
			switch verb, _, _ := strings.Cut(permission, " "); verb {
			case "get", "list", "watch":
			default:
				writes = append(writes, scope+": "+permission)
			}
		}
	}
	slices.Sort(writes)
	if diff := cmp.Diff(allowedWrites(o.name), writes); diff != "" {
		t.Errorf("permissions that change something (-want +got):\n%s", diff)
	}

	selfmanaged := o.name == "selfmanaged"
	for _, question := range []struct {
		want bool
		// what is asked: verb, resource.group[/subresource], name, namespace.
		verb, resource, name, namespace string
	}{
		{true, "list", "serviceentries.networking.istio.io", "", ""},
		{true, "watch", "sidecars.networking.istio.io", "", ""},
		{true, "get", "customresourcedefinitions.apiextensions.k8s.io", "serviceentries.networking.istio.io", ""},
		{true, "get", "customresourcedefinitions.apiextensions.k8s.io", "sidecars.networking.istio.io", ""},
		{false, "get", "customresourcedefinitions.apiextensions.k8s.io", "gateways.networking.istio.io", ""},
		{false, "list", "customresourcedefinitions.apiextensions.k8s.io", "", ""},
		{true, "watch", "services", "", ""},
		{true, "list", "namespaces", "", ""},
		{true, "watch", "ipaddresses.networking.k8s.io", "", ""},
		{true, "list", "servicecidrs.networking.k8s.io", "", ""},
		{true, "watch", "federations.fedmesh.io", "", ""},
		{true, "patch", "federations.fedmesh.io/status", "default", ""},
		{true, "watch", "mutatingwebhookconfigurations.admissionregistration.k8s.io", "fedmesh", ""},
		{true, "list", "validatingwebhookconfigurations.admissionregistration.k8s.io", "fedmesh", ""},
		// In any namespace, which is where the objects are that Events are about.
		{true, "create", "events.events.k8s.io", "", ""},
		{true, "patch", "events.events.k8s.io", "", ""},
		// Holders of claims, live.
		{true, "get", "serviceentries.networking.istio.io", "", "foo"},
		{true, "get", "sidecars.networking.istio.io", "", "foo"},
		{true, "get", "services", "", "foo"},
		{true, "get", "ipaddresses.networking.k8s.io", "", ""},
		{true, "create", "ipaddresses.networking.k8s.io", "", ""},
		{true, "delete", "ipaddresses.networking.k8s.io", "", ""},
		{true, "get", "leases.coordination.k8s.io", "vip-240.0.0.2", installation.Namespace},
		{true, "list", "leases.coordination.k8s.io", "", installation.Namespace},
		{true, "watch", "leases.coordination.k8s.io", "", installation.Namespace},
		{true, "create", "leases.coordination.k8s.io", "", installation.Namespace},
		{true, "update", "leases.coordination.k8s.io", "vip-240.0.0.2", installation.Namespace},
		{true, "update", "leases.coordination.k8s.io", "fedmesh-leader", installation.Namespace},
		{true, "delete", "leases.coordination.k8s.io", "vip-240.0.0.2", installation.Namespace},

		{selfmanaged, "patch", "mutatingwebhookconfigurations.admissionregistration.k8s.io", "fedmesh", ""},
		{selfmanaged, "patch", "validatingwebhookconfigurations.admissionregistration.k8s.io", "fedmesh", ""},
		{selfmanaged, "create", "secrets", "", installation.Namespace},
		{selfmanaged, "watch", "secrets", "fedmesh-ca", installation.Namespace},
		{selfmanaged, "update", "secrets", "fedmesh-ca", installation.Namespace},

		{false, "update", "events.events.k8s.io", "", "default"},
		{false, "list", "events.events.k8s.io", "", "default"},
		{false, "delete", "events.events.k8s.io", "", "default"},
		// The older API, which lets its users change what an Event says.
		{false, "create", "events", "", "default"},
		{false, "patch", "events", "", "default"},
		{false, "list", "secrets", "", ""},
		{false, "list", "secrets", "", installation.Namespace},
		{false, "get", "secrets", "fedmesh-webhook-ca", installation.Namespace},
		{false, "get", "secrets", "fedmesh-ca", "default"},
		{false, "create", "secrets", "", "default"},
		{false, "list", "mutatingwebhookconfigurations.admissionregistration.k8s.io", "", ""},
		{false, "patch", "mutatingwebhookconfigurations.admissionregistration.k8s.io", "istio-sidecar-injector", ""},
		{false, "update", "mutatingwebhookconfigurations.admissionregistration.k8s.io", "istio-sidecar-injector", ""},
		{false, "update", "validatingwebhookconfigurations.admissionregistration.k8s.io", "fedmesh", ""},
		{false, "create", "validatingwebhookconfigurations.admissionregistration.k8s.io", "", ""},
		{false, "delete", "validatingwebhookconfigurations.admissionregistration.k8s.io", "fedmesh", ""},
		{false, "list", "pods", "", ""},
		{false, "create", "pods", "", installation.Namespace},
		{false, "create", "pods/exec", "", installation.Namespace},
		{false, "update", "federations.fedmesh.io", "default", ""},
		{false, "update", "serviceentries.networking.istio.io", "", "foo"},
		{false, "delete", "sidecars.networking.istio.io", "", "foo"},
		{false, "update", "namespaces", "foo", ""},
		{false, "update", "ipaddresses.networking.k8s.io", "", ""},
		{false, "patch", "ipaddresses.networking.k8s.io", "", ""},
		{false, "deletecollection", "ipaddresses.networking.k8s.io", "", ""},
		{false, "update", "servicecidrs.networking.k8s.io", "", ""},
		{false, "update", "services", "", "foo"},
		{false, "patch", "leases.coordination.k8s.io", "vip-240.0.0.2", installation.Namespace},
		{false, "deletecollection", "leases.coordination.k8s.io", "", installation.Namespace},
		{false, "create", "leases.coordination.k8s.io", "", ""},
		{false, "list", "leases.coordination.k8s.io", "", ""},
		{false, "get", "leases.coordination.k8s.io", "kube-scheduler", "kube-system"},
		{false, "create", "leases.coordination.k8s.io", "", "kube-system"},
		{false, "update", "leases.coordination.k8s.io", "kube-scheduler", "kube-system"},
		{false, "delete", "leases.coordination.k8s.io", "kube-controller-manager", "kube-system"},
		{false, "update", "leases.coordination.k8s.io", "node", "kube-node-lease"},
		{false, "patch", "flowschemas.flowcontrol.apiserver.k8s.io", "fedmesh", ""},
		{false, "patch", "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io", "fedmesh", ""},
		{false, "delete", "validatingadmissionpolicies.admissionregistration.k8s.io", "fedmesh-ipaddresses", ""},
		{false, "delete", "validatingadmissionpolicybindings.admissionregistration.k8s.io", "fedmesh-ipaddresses", ""},
		{false, "create", "serviceaccounts/token", installation.Name, installation.Namespace},
		{false, "bind", "clusterroles.rbac.authorization.k8s.io", "cluster-admin", ""},
		{false, "impersonate", "users", "", ""},
	} {
		path, subresource, _ := strings.Cut(question.resource, "/")
		resource, group, _ := strings.Cut(path, ".")
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: "system:serviceaccount:" + installation.Namespace + ":" + installation.Name,
			// As the API server authenticates it.
			Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + installation.Namespace, "system:authenticated"},
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: question.verb, Group: group, Version: "*", Resource: resource, Subresource: subresource,
				Name: question.name, Namespace: question.namespace,
			},
		}}
		if err := o.client.Create(t.Context(), review); err != nil {
			t.Fatal(err)
		}
		if review.Status.Allowed != question.want {
			t.Errorf("may %s %s %q in namespace %q: %t, want %t", question.verb, question.resource, question.name, question.namespace, review.Status.Allowed, question.want)
		}
	}
}

// spellOut spells rules out, one resource and verb at a time.
func spellOut(rules []rbacv1.PolicyRule) []string {
	var permissions []string
	for _, rule := range rules {
		names := rule.ResourceNames
		if len(names) == 0 {
			names = []string{""}
		}
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					for _, name := range names {
						permission := strings.TrimSuffix(verb+" "+resource+"."+group, ".")
						permissions = append(permissions, strings.TrimSpace(permission+" "+name))
					}
				}
			}
		}
	}
	return permissions
}

// permissionsInUse lists and watches by name with the ServiceAccount's own token:
// that a field selector stands for the name is nothing that an access review says.
func (o *overlay) permissionsInUse(t *testing.T) {
	kubeconfig, err := o.plane.ServiceAccountKubeconfig(t.Context(), installation.Namespace, installation.Name)
	if err != nil {
		t.Fatal(err)
	}
	const (
		mutating   = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
		validating = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
		secrets    = "/api/v1/namespaces/" + installation.Namespace + "/secrets"
		watch      = "&watch=true&timeoutSeconds=1"
	)
	selfmanaged := o.name == "selfmanaged"
	for path, want := range map[string]bool{
		mutating + "?fieldSelector=metadata.name%3Dfedmesh":           true,
		mutating + "?fieldSelector=metadata.name%3Dfedmesh" + watch:   true,
		validating + "?fieldSelector=metadata.name%3Dfedmesh":         true,
		validating + "?fieldSelector=metadata.name%3Dfedmesh" + watch: true,
		secrets + "?fieldSelector=metadata.name%3Dfedmesh-ca":         selfmanaged,
		secrets + "?fieldSelector=metadata.name%3Dfedmesh-ca" + watch: selfmanaged,
		mutating: false,
		secrets:  false,
	} {
		result := o.plane.Kubectl(t.Context(), "", "--kubeconfig="+kubeconfig, "get", "--raw="+path)
		if allowed := result.ExitCode == 0; allowed != want || !allowed && !strings.Contains(result.Stderr, "forbidden") {
			t.Errorf("get %s: allowed %t, want %t: %s", path, allowed, want, result.Stderr)
		}
	}
}
