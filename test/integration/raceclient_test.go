package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// outcome is what became of a request, after all attempts of the client.
type outcome string

// The outcomes that there should be, and some that there should not.
const (
	wasStored   outcome = "stored"
	wasDenied   outcome = "denied" // because somebody else has a key
	wasTaken    outcome = "name taken"
	wasChanged  outcome = "changed meanwhile"
	wasGone     outcome = "gone meanwhile"
	gaveUp      outcome = "gave up"
	wasCrowded  outcome = "too many requests"
	timedOut    outcome = "timed out"
	notAnswered outcome = "no webhook answered"
)

// orderly are the outcomes that a user expects of a race.
var orderly = []outcome{wasStored, wasDenied, wasTaken, wasChanged, wasGone}

// outcomeOf says what became of a request. What is none of the outcomes above is
// told in full.
func outcomeOf(err error) outcome {
	switch {
	case err == nil:
		return wasStored
	case apierrors.IsAlreadyExists(err):
		return wasTaken
	case apierrors.IsConflict(err):
		return wasChanged
	case apierrors.IsNotFound(err):
		return wasGone
	case apierrors.IsForbidden(err) && deniedForKeys(err):
		return wasDenied
	case errors.Is(err, context.DeadlineExceeded) || apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err) ||
		strings.Contains(err.Error(), "deadline exceeded"):
		return timedOut
	case strings.Contains(err.Error(), "failed calling webhook"):
		return notAnswered
	case apierrors.IsServiceUnavailable(err):
		return gaveUp
	case apierrors.IsTooManyRequests(err):
		return wasCrowded
	}
	return outcome(err.Error())
}

// deniedForKeys reports whether only the rules about keys speak in a refusal.
func deniedForKeys(err error) bool {
	status := apierrors.APIStatus(nil)
	if !errors.As(err, &status) || status.Status().Details == nil {
		return false
	}
	causes := status.Status().Details.Causes
	for _, cause := range causes {
		if !slices.Contains([]string{"FED105", "FED106", "FED301"}, string(cause.Type)) {
			return false
		}
	}
	return len(causes) > 0
}

// raceClient sends what a controller sends that applies what is in Git. It tries
// again as client-go does by itself, and beyond that only where no webhook
// answered, and counts what it sees.
type raceClient struct {
	client.Client

	lock      sync.Mutex
	outcomes  map[ending]int             // requests
	examples  map[outcome]string         // what was said, by outcome
	durations map[string][]time.Duration // of requests, by verb
	attempts  map[string]int             // those that were tried again, by reason
	longest   time.Duration              // of an attempt
}

// ending is how requests of a kind ended.
type ending struct {
	verb    string
	outcome outcome
}

// newRaceClient returns a client with the permissions of an administrator and the
// name of a ServiceAccount: whoever is in the group system:masters waits for no
// seat at the API server.
func newRaceClient(config *rest.Config) (*raceClient, error) {
	counting := &raceClient{
		outcomes: map[ending]int{}, examples: map[outcome]string{}, durations: map[string][]time.Duration{}, attempts: map[string]int{},
	}
	config.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:gitops:applier",
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:gitops", "system:authenticated"},
	}
	config.QPS = -1 // the test itself holds nothing back
	config.WarningHandler = rest.NoWarnings{}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return &countingTransport{next: next, client: counting}
	})
	api, err := client.New(config, client.Options{})
	counting.Client = api
	return counting, err
}

// patience bounds what a client does about one request. It is far beyond what all
// attempts of client-go take together.
const patience = 3 * time.Minute

// do sends a request until a webhook has answered, and returns its outcome.
func (c *raceClient) do(ctx context.Context, verb string, send func(context.Context) error) outcome {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	started := time.Now()
	for {
		err := send(ctx)
		result := outcomeOf(err)
		if result == notAnswered && ctx.Err() == nil {
			// A replica has been killed, and the others are asked in a moment.
			time.Sleep(100 * time.Millisecond)
			continue
		}
		c.lock.Lock()
		defer c.lock.Unlock()
		c.outcomes[ending{verb, result}]++
		c.durations[verb] = append(c.durations[verb], time.Since(started))
		if err != nil {
			c.examples[result] = err.Error()
		}
		return result
	}
}

// create, update, patch and remove are the verbs; with dryRun nothing is stored.
func (c *raceClient) create(ctx context.Context, object *raceObject, dryRun bool) outcome {
	verb := "create"
	var options []client.CreateOption
	if dryRun {
		verb, options = "dry-run create", append(options, client.DryRunAll)
	}
	return c.do(ctx, verb, func(ctx context.Context) error {
		sent := *object
		sent.uid, sent.version = "", ""
		return c.Create(ctx, sent.manifest(), options...)
	})
}

// update replaces the version that object has.
func (c *raceClient) update(ctx context.Context, object *raceObject, dryRun bool) outcome {
	verb := "update"
	var options []client.UpdateOption
	if dryRun {
		verb, options = "dry-run update", append(options, client.DryRunAll)
	}
	return c.do(ctx, verb, func(ctx context.Context) error { return c.Update(ctx, object.manifest(), options...) })
}

// patch replaces whatever version there is: when another one comes in between,
// the API server applies it again, and asks the webhooks again.
func (c *raceClient) patch(ctx context.Context, object *raceObject) outcome {
	sent := *object
	sent.version = ""
	return c.do(ctx, "patch", func(ctx context.Context) error {
		manifest := sent.manifest()
		data, err := manifest.MarshalJSON()
		if err != nil {
			return err
		}
		return c.Patch(ctx, manifest, client.RawPatch("application/merge-patch+json", data))
	})
}

func (c *raceClient) remove(ctx context.Context, object *raceObject) outcome {
	return c.do(ctx, "delete", func(ctx context.Context) error { return c.Delete(ctx, object.manifest()) })
}

// count is how many requests have had an outcome; any when none is said.
func (c *raceClient) count(outcomes ...outcome) int {
	c.lock.Lock()
	defer c.lock.Unlock()
	sum := 0
	for key, count := range c.outcomes {
		if len(outcomes) == 0 || slices.Contains(outcomes, key.outcome) {
			sum += count
		}
	}
	return sum
}

// tried is how many attempts were answered for a reason that has text in it.
func (c *raceClient) tried(text string) int {
	c.lock.Lock()
	defer c.lock.Unlock()
	sum := 0
	for reason, count := range c.attempts {
		if strings.Contains(reason, text) {
			sum += count
		}
	}
	return sum
}

// unexpected lists requests that had none of the outcomes.
func (c *raceClient) unexpected(outcomes ...outcome) []string {
	c.lock.Lock()
	defer c.lock.Unlock()
	var found []string
	for key, count := range c.outcomes {
		if !slices.Contains(outcomes, key.outcome) {
			found = append(found, fmt.Sprintf("%d times %s: %s, as in: %s", count, key.verb, key.outcome, c.examples[key.outcome]))
		}
	}
	slices.Sort(found)
	return found
}

// log tells what was counted.
func (c *raceClient) log(t *testing.T) {
	t.Helper()
	c.lock.Lock()
	defer c.lock.Unlock()
	verbs := map[string][]string{}
	for key, count := range c.outcomes {
		verbs[key.verb] = append(verbs[key.verb], fmt.Sprintf("%d %s", count, key.outcome))
	}
	for _, verb := range slices.Sorted(maps.Keys(verbs)) {
		t.Logf("%s: %s; took, with all attempts, %s", verb, strings.Join(slices.Sorted(slices.Values(verbs[verb])), ", "), quantiles(c.durations[verb]))
	}
	for _, reason := range slices.Sorted(maps.Keys(c.attempts)) {
		t.Logf("%d attempts were answered %s", c.attempts[reason], reason)
	}
	t.Logf("the longest attempt took %s", c.longest.Round(time.Millisecond))
}

// countingTransport counts the answers that let a client try again.
type countingTransport struct {
	next   http.RoundTripper
	client *raceClient
}

// RoundTrip is http.RoundTripper's.
func (t *countingTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	started := time.Now()
	response, err := t.next.RoundTrip(request)
	if request.Method == http.MethodGet {
		return response, err
	}
	took := time.Since(started)
	reason := ""
	switch {
	case err != nil:
		reason = "not at all: " + err.Error()
	case response.StatusCode >= http.StatusInternalServerError || response.StatusCode == http.StatusTooManyRequests:
		body, readErr := io.ReadAll(response.Body)
		if err := errors.Join(readErr, response.Body.Close()); err != nil {
			return nil, err
		}
		response.Body = io.NopCloser(bytes.NewReader(body))
		reason = fmt.Sprintf("%d: %s", response.StatusCode, reasonOf(string(body)))
	}
	t.client.lock.Lock()
	defer t.client.lock.Unlock()
	t.client.longest = max(t.client.longest, took)
	if reason != "" {
		t.client.attempts[reason]++
	}
	return response, err
}

// reasonOf is what a refusal says, without the names in it.
func reasonOf(body string) string {
	for _, text := range []string{
		"is being claimed by", "context deadline exceeded", "connection refused", "failed calling webhook", "Too many requests",
	} {
		if strings.Contains(body, text) {
			return "… " + text + " …"
		}
	}
	return body
}
