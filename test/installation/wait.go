package installation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	pollInterval = 50 * time.Millisecond
	// waitTimeout is far more than anything here takes, also on a machine that
	// compiles at the same time.
	waitTimeout = time.Minute
)

// WaitUntilReady waits for what a kubelet's readiness probe waits for.
func (r *Replica) WaitUntilReady(ctx context.Context) error {
	return Poll(ctx, "the replica is not ready", func(ctx context.Context) error {
		select {
		case <-r.ended:
			return permanent{r.err}
		default:
		}
		_, err := get(ctx, r.HealthURL+"/readyz")
		if err != nil {
			return fmt.Errorf("%w; %s", err, r.log.LastLines())
		}
		return nil
	})
}

// waitForObjects waits until the API server calls replica about mesh objects of
// this name: it takes a moment until it knows of changed configurations.
func (i *Installation) waitForObjects(ctx context.Context, replica *Replica, name string) error {
	return i.waitUntilAsked(ctx, replica, "/mesh", func() client.Object {
		entry := badEntry()
		entry.SetName(name)
		return entry
	})
}

// waitForPods is waitForObjects for pods.
func (i *Installation) waitForPods(ctx context.Context, replica *Replica) (err error) {
	namespace, remove, err := i.optedIn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	return i.waitUntilAsked(ctx, replica, "/pods", func() client.Object { return probePod(namespace) })
}

// waitUntilAsked waits until a request for path arrives at replica when an object
// is created, again and again and never stored. Its answer does not matter:
// without one the API server refuses some objects and lets others pass.
func (i *Installation) waitUntilAsked(ctx context.Context, replica *Replica, path string, object func() client.Object) error {
	before, err := replica.answered(ctx)
	if err != nil {
		return err
	}
	return Poll(ctx, "the API server does not ask "+replica.Name, func(ctx context.Context) error {
		createErr := i.client.Create(ctx, object(), client.DryRunAll)
		now, err := replica.answered(ctx)
		if err == nil && now[path] == before[path] {
			err = fmt.Errorf("no request for %s arrived (creating an object: %v)", path, createErr)
		}
		return err
	})
}

// waitUntilEnforced waits until the rules refuse what they only warned about
// before the Federation was in force.
func (i *Installation) waitUntilEnforced(ctx context.Context) error {
	return Poll(ctx, "the Federation does not come into force", func(ctx context.Context) error {
		err := i.client.Create(ctx, badEntry(), client.DryRunAll)
		if err == nil || !strings.Contains(err.Error(), "[FED") {
			return fmt.Errorf("no rule refused a ServiceEntry that is all wrong: %w", err)
		}
		return nil
	})
}

// optedIn makes a namespace whose pods are patched, and a function that takes it
// away again.
func (i *Installation) optedIn(ctx context.Context) (name string, remove func() error, err error) {
	const label = "fedmesh.io/federation"
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "fedmesh-probe-",
		Labels:       map[string]string{label: "enabled"},
	}}
	if err := i.client.Create(ctx, namespace); err != nil {
		return "", nil, fmt.Errorf("cannot make a namespace to see whether pods are patched: %w", err)
	}
	return namespace.Name, func() error {
		// It takes seconds to go. Until then it must not count as one that
		// relies on the Federation.
		unlabel := client.RawPatch("application/merge-patch+json", []byte(`{"metadata": {"labels": {"`+label+`": null}}}`))
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), waitTimeout)
		defer cancel()
		return errors.Join(i.client.Patch(ctx, namespace, unlabel), i.client.Delete(ctx, namespace))
	}, nil
}

func probePod(namespace string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "probe", Namespace: namespace},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "probe", Image: "probe.example.com/probe"}}},
	}
}

// probePrefix is how the names of ServiceEntries begin that show who is asked.
const probePrefix = "fedmesh-probe"

// badEntry is refused by more than one rule, so that a Federation may switch one
// of them off.
func badEntry() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1",
		"kind":       "ServiceEntry",
		"metadata":   map[string]any{"name": probePrefix, "namespace": "default"},
		"spec": map[string]any{
			"hosts":     []any{"fedmesh-probe.default.global"},
			"addresses": []any{"224.0.0.1"},
			"ports":     []any{map[string]any{"number": int64(80), "name": "http", "protocol": "HTTP"}},
		},
	}}
}

// answered says how many admission requests the replica has answered, by path.
func (r *Replica) answered(ctx context.Context) (map[string]string, error) {
	text, err := get(ctx, r.MetricsURL+"/metrics")
	if err != nil {
		return nil, err
	}
	counts := map[string]string{}
	for line := range strings.Lines(text) {
		series, count, _ := strings.Cut(strings.TrimSpace(line), " ")
		// Whatever the answer was: a server that waits for its index answers with
		// errors.
		labels, found := strings.CutPrefix(series, "controller_runtime_webhook_latency_seconds_count{")
		if !found {
			continue
		}
		_, rest, _ := strings.Cut(labels, `webhook="`)
		path, _, _ := strings.Cut(rest, `"`)
		counts[path] = count
	}
	return counts, nil
}

// get returns the body of a URL that answers 200.
func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s: %s", url, response.Status, strings.TrimSpace(string(body)))
	}
	return string(body), err
}

// permanent is an error that waiting does not mend.
type permanent struct{ error }

// Poll calls try until it succeeds, ctx ends or a minute is over. The error is
// headed by what. Other tests wait with it too.
func Poll(ctx context.Context, what string, try func(context.Context) error) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, pollInterval, waitTimeout, true, func(ctx context.Context) (bool, error) {
		err := try(ctx)
		var stop permanent
		if errors.As(err, &stop) {
			return false, stop
		}
		// What failed because time is up says less than what failed before.
		if last == nil || ctx.Err() == nil {
			last = err
		}
		return err == nil, nil
	})
	switch {
	case wait.Interrupted(err):
		return fmt.Errorf("%s: %w; at last: %w", what, err, last)
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
