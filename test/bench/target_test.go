//go:build linux

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
)

// target is a server that is asked for one review, over and over.
type target struct {
	server *server
	url    string
	body   []byte
	// answer is what the server answers: to the same question always the same.
	answer []byte
}

// newTarget asks once, holds the answer against expect, and has the server warm
// up.
func newTarget(b *testing.B, server *server, review review, expect func(*admissionv1.AdmissionResponse) error) *target {
	b.Helper()
	t := &target{server: server, url: server.url + review.path + "?timeout=10s", body: review.body}
	answer, err := t.ask(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	var decoded admissionv1.AdmissionReview
	if err := json.Unmarshal(answer, &decoded); err != nil || decoded.Response == nil || decoded.Response.UID != requestUID {
		b.Fatalf("%s answers no AdmissionReview with a response to %s (%v): %s", t.url, requestUID, err, answer)
	}
	if err := expect(decoded.Response); err != nil {
		b.Fatalf("%s: %v: %s", t.url, err, answer)
	}
	t.answer = answer
	t.load(b, make([]time.Duration, 2*turn))
	return t
}

// load asks once for each item of waits, inFlight times at once, and notes how
// long each answer took. Any other answer than the expected one ends the
// benchmark.
func (t *target) load(b *testing.B, waits []time.Duration) {
	b.Helper()
	ctx, stop := context.WithCancelCause(b.Context())
	defer stop(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	for range inFlight {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(waits)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				started := time.Now()
				answer, err := t.ask(ctx)
				waits[i] = time.Since(started)
				if err == nil && !bytes.Equal(answer, t.answer) {
					err = fmt.Errorf("%s answers %s; want %s as before", t.url, answer, t.answer)
				}
				if err != nil {
					stop(err)
				}
			}
		})
	}
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		b.Fatal(err)
	}
}

// ask sends the review and returns the body of the answer.
func (t *target) ask(ctx context.Context) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(t.body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	response, err := t.server.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || response.ProtoMajor != 2) {
		err = fmt.Errorf("%s answers %s over %s; want 200 over HTTP/2: %s", t.url, response.Status, response.Proto, answer)
	}
	return answer, err
}

// cpuTime is how much CPU time the server has had; none when there is no target.
func (t *target) cpuTime(b *testing.B) time.Duration {
	b.Helper()
	if t == nil {
		return 0
	}
	return t.server.cpuTime(b)
}
