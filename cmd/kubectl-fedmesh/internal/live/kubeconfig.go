package live

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	// Logins that kubectl has built in, too.
	_ "k8s.io/client-go/plugin/pkg/client/auth"
)

// userAgent is how the program shows in the audit log of a cluster.
const userAgent = "kubectl-fedmesh"

// Kubeconfig is what kubectl would read: the file that is named, else those of the
// variable KUBECONFIG, else ~/.kube/config, else, in a pod, its ServiceAccount.
type Kubeconfig struct {
	rules *clientcmd.ClientConfigLoadingRules
	raw   *api.Config
}

// ReadKubeconfig reads the file at path; an empty one leaves the choice to the usual
// rules.
func ReadKubeconfig(path string) (*Kubeconfig, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = path
	raw, err := rules.Load()
	if err != nil {
		return nil, fmt.Errorf("cannot read the kubeconfig: %w", err)
	}
	return &Kubeconfig{rules: rules, raw: raw}, nil
}

// Has reports whether there is a context of this name.
func (k *Kubeconfig) Has(context string) bool { return k.raw.Contexts[context] != nil }

// Contexts are the names of all contexts, in order.
func (k *Kubeconfig) Contexts() []string { return slices.Sorted(maps.Keys(k.raw.Contexts)) }

// Current is the name of the current context; empty when there is none.
func (k *Kubeconfig) Current() string { return k.raw.CurrentContext }

// Client returns how to speak with the cluster of a context, the current one if it
// is empty. A request that takes longer than timeout fails; 0 is no bound.
func (k *Kubeconfig) Client(context string, timeout time.Duration) (*rest.Config, error) {
	context = cmp.Or(context, k.Current())
	if context != "" && !k.Has(context) {
		return nil, fmt.Errorf("there is no context %q in the kubeconfig, which has %s", context, k.names())
	}
	overrides := &clientcmd.ConfigOverrides{CurrentContext: context}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(k.rules, overrides).ClientConfig()
	switch {
	case clientcmd.IsEmptyConfig(err) && context != "":
		return nil, fmt.Errorf("context %q of the kubeconfig is of a cluster that it does not have", context)
	case clientcmd.IsEmptyConfig(err):
		return nil, fmt.Errorf("there is no current context: name one with --context, or a file with --kubeconfig")
	case err != nil:
		return nil, fmt.Errorf("cannot use context %q of the kubeconfig: %w", context, err)
	}
	config.Timeout = timeout
	config.UserAgent = userAgent
	config.WarningHandler = rest.NoWarnings{} // they are about versions, which nobody chose
	config.QPS = -1                           // the API server limits by itself, with priority and fairness
	return config, nil
}

func (k *Kubeconfig) names() string {
	if len(k.raw.Contexts) == 0 {
		return "none"
	}
	return strings.Join(k.Contexts(), ", ")
}
