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
		{"wrong type inside", http.MethodPost, "application/json", `{"request":{"uid":7}}`, 400, "request.uid"},
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
			(&endpoint{reviewer: reviewerFunc(allowing), log: logr.Discard()}).ServeHTTP(recorder, request)
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
	(&endpoint{reviewer: reviewerFunc(allowing), log: logr.Discard()}).ServeHTTP(recorder, request)
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
	recorder := post(&endpoint{reviewer: reviewerFunc(allowing), log: logr.Discard()}, "/mesh", someReview)
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
	handler := &endpoint{log: logr.Discard(), reviewer: reviewerFunc(func(context.Context, *admissionv1.AdmissionRequest) (*admissionv1.AdmissionResponse, *httpError) {
		calls++
		if calls == 1 {
			panic("a defect")
		}
		return allow(), nil
	})}
	if recorder := post(handler, "/mesh", someReview); recorder.Code != http.StatusInternalServerError {
		t.Errorf("got %d; want 500", recorder.Code)
	}
	if recorder := post(handler, "/mesh", someReview); recorder.Code != http.StatusOK {
		t.Errorf("the request after it: got %d; want 200", recorder.Code)
	}
}

func TestEndpointDeadline(t *testing.T) {
	for _, test := range []struct {
		target string
		want   time.Duration
	}{
		{"/mesh?timeout=3s", 2500 * time.Millisecond},
		{"/mesh", 9500 * time.Millisecond},
		{"/mesh?timeout=1h", 9500 * time.Millisecond},
		{"/mesh?timeout=soon", 9500 * time.Millisecond},
		{"/mesh?timeout=600ms", 500 * time.Millisecond},
	} {
		var got time.Duration
		post(&endpoint{log: logr.Discard(), reviewer: reviewerFunc(func(ctx context.Context, _ *admissionv1.AdmissionRequest) (*admissionv1.AdmissionResponse, *httpError) {
			deadline, _ := ctx.Deadline()
			got = time.Until(deadline)
			return allow(), nil
		})}, test.target, someReview)
		if got > test.want || got < test.want-400*time.Millisecond {
			t.Errorf("%s: got a deadline in %s; want %s", test.target, got, test.want)
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
	(&endpoint{log: logr.Discard(), reviewer: reviewerFunc(func(ctx context.Context, _ *admissionv1.AdmissionRequest) (*admissionv1.AdmissionResponse, *httpError) {
		got = ctx.Err()
		return allow(), nil
	})}).ServeHTTP(httptest.NewRecorder(), request)
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
