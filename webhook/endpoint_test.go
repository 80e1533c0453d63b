package webhook

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
)

// reviewerFunc is a reviewer made of a function.
type reviewerFunc func(context.Context, *admissionv1.AdmissionRequest) (*admissionv1.AdmissionResponse, *httpError)

func (f reviewerFunc) review(ctx context.Context, request *admissionv1.AdmissionRequest) (*admissionv1.AdmissionResponse, *httpError) {
	return f(ctx, request)
}

func newTestEndpoint(answer reviewerFunc) *endpoint {
	return &endpoint{reviewer: answer, log: logr.Discard(), large: make(chan struct{}, maxLargeBodies)}
}

func allowing(context.Context, *admissionv1.AdmissionRequest) (*admissionv1.AdmissionResponse, *httpError) {
	return allow(), nil
}

const someReview = `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"42"}}`

func TestEndpointRefusesWhatIsNoReview(t *testing.T) {
	for _, test := range []struct {
		name, method, contentType, body string
		want                            int
		says                            string
	}{
		{"not a POST", http.MethodGet, "application/json", someReview, 405, "POST"},
		{"no content type", http.MethodPost, "", someReview, 415, "application/json"},
		{"wrong content type", http.MethodPost, "application/yaml", someReview, 415, `"application/yaml"`},
		{"empty body", http.MethodPost, "application/json", "", 400, "no AdmissionReview"},
		{"no JSON", http.MethodPost, "application/json", "{", 400, "no AdmissionReview"},
		{"a list", http.MethodPost, "application/json", "[]", 400, "no AdmissionReview"},
		{"wrong type inside", http.MethodPost, "application/json", `{"request":{"uid":7}}`, 400, "/request/uid"},
		{"another kind", http.MethodPost, "application/json", `{"apiVersion":"v1","kind":"Pod"}`, 400, `kind "Pod"`},
		{"another version", http.MethodPost, "application/json", strings.Replace(someReview, "/v1", "/v1beta1", 1), 400, "v1beta1"},
		{"no request", http.MethodPost, "application/json", `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}`, 400, "no request"},
		{"no uid", http.MethodPost, "application/json", `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{}}`, 400, "uid"},
		{"over the limit", http.MethodPost, "application/json", `"` + strings.Repeat("x", maxBody) + `"`, 413, "larger than 7340032 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			request := httptest.NewRequest(test.method, "/mesh", strings.NewReader(test.body))
			request.Header.Set("Content-Type", test.contentType)
			recorder := httptest.NewRecorder()
			newTestEndpoint(allowing).ServeHTTP(recorder, request)
			if recorder.Code != test.want || !strings.Contains(recorder.Body.String(), test.says) {
				t.Errorf("got %d %q; want %d and %q in the text", recorder.Code, recorder.Body, test.want, test.says)
			}
		})
	}
}

// A body whose length the client does not say is limited all the same.
func TestEndpointLimitsBodiesOfUnknownLength(t *testing.T) {
	body := io.MultiReader(strings.NewReader(`"`), strings.NewReader(strings.Repeat("x", maxBody)))
	request := httptest.NewRequest(http.MethodPost, "/mesh", body)
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	recorder := httptest.NewRecorder()
	newTestEndpoint(allowing).ServeHTTP(recorder, request)
	if recorder.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d; want 413", recorder.Code)
	}
}

func post(handler http.Handler, target, body string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}

func TestEndpointAnswers(t *testing.T) {
	recorder := post(newTestEndpoint(allowing), "/mesh", someReview)
	want := `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","response":{"uid":"42","allowed":true}}` + "\n"
	if diff := cmp.Diff(want, recorder.Body.String()); diff != "" {
		t.Errorf("answer differs (-want +got):\n%s", diff)
	}
	if got := recorder.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("got Content-Type %q; want application/json", got)
	}
}

func TestEndpointContainsPanics(t *testing.T) {
	calls := 0
	handler := newTestEndpoint(func(context.Context, *admissionv1.AdmissionRequest) (*admissionv1.AdmissionResponse, *httpError) {
		calls++
		if calls == 1 {
			panic("a defect")
		}
		return allow(), nil
	})
	if recorder := post(handler, "/mesh", someReview); recorder.Code != http.StatusInternalServerError {
		t.Errorf("got %d; want 500", recorder.Code)
	}
	if recorder := post(handler, "/mesh", someReview); recorder.Code != http.StatusOK {
		t.Errorf("the request after it: got %d; want 200", recorder.Code)
	}
}

func TestTimeout(t *testing.T) {
	for _, test := range []struct {
		target string
		want   time.Duration
	}{
		{"/mesh?timeout=3s", 2500 * time.Millisecond},
		{"/mesh", 9500 * time.Millisecond},
		{"/mesh?timeout=1h", 9500 * time.Millisecond},
		{"/mesh?timeout=soon", 9500 * time.Millisecond},
		{"/mesh?timeout=600ms", 300 * time.Millisecond},
	} {
		if got := timeoutOf(httptest.NewRequest(http.MethodPost, test.target, nil)); got != test.want {
			t.Errorf("%s: got %s; want %s", test.target, got, test.want)
		}
	}
}

// The deadline of a request's context is the one that the API server gives.
func TestEndpointDeadline(t *testing.T) {
	before := time.Now()
	var got time.Time
	post(newTestEndpoint(func(ctx context.Context, _ *admissionv1.AdmissionRequest) (*admissionv1.AdmissionResponse, *httpError) {
		got, _ = ctx.Deadline()
		return allow(), nil
	}), "/mesh?timeout=20s", someReview)
	if want := before.Add(19500 * time.Millisecond); got.Before(want) || got.After(time.Now().Add(20*time.Second)) {
		t.Errorf("got deadline %s; want %s", got, want)
	}
}

// There is room for so many large bodies at a time; small ones do not wait.
func TestEndpointLimitsLargeBodies(t *testing.T) {
	handler := newTestEndpoint(allowing)
	for range cap(handler.large) {
		handler.large <- struct{}{}
	}
	large := strings.Replace(someReview, `"uid"`, `"name":"`+strings.Repeat("x", usualBody)+`","uid"`, 1)
	if recorder := post(handler, "/mesh?timeout=10ms", large); recorder.Code != http.StatusServiceUnavailable {
		t.Errorf("without room: got %d; want 503", recorder.Code)
	}
	if recorder := post(handler, "/mesh", someReview); recorder.Code != http.StatusOK {
		t.Errorf("a small one meanwhile: got %d; want 200", recorder.Code)
	}
	<-handler.large
	for range 2 * cap(handler.large) { // each gives its room back
		if recorder := post(handler, "/mesh", large); recorder.Code != http.StatusOK {
			t.Errorf("with room: got %d; want 200", recorder.Code)
		}
	}
}

// The server's base context ends when it shuts down; what was taken on goes on.
func TestEndpointFinishesWhatItTookOn(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/mesh", strings.NewReader(someReview))
	request.Header.Set("Content-Type", "application/json")
	var got error
	newTestEndpoint(func(ctx context.Context, _ *admissionv1.AdmissionRequest) (*admissionv1.AdmissionResponse, *httpError) {
		got = ctx.Err()
		return allow(), nil
	}).ServeHTTP(httptest.NewRecorder(), request)
	if got != nil {
		t.Errorf("got context error %v in the handler; want none", got)
	}
}

// decodeResponse reads the answer of a recorder.
func decodeResponse(t *testing.T, recorder *httptest.ResponseRecorder) *admissionv1.AdmissionResponse {
	t.Helper()
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(recorder.Body.Bytes(), &review); err != nil || review.Response == nil {
		t.Fatalf("got %d %q (%v); want an AdmissionReview with a response", recorder.Code, recorder.Body, err)
	}
	return review.Response
}
