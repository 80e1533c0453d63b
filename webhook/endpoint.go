package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"runtime/debug"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// maxBody is the largest request body, in bytes: two objects of at most
	// 3 MiB, as the API server stores them, and 1 MiB for the rest
	// (sigs.k8s.io/controller-runtime pkg/webhook/admission/http.go,
	// maxRequestSize).
	maxBody = 7 << 20

	// usualBody is what bodies are allowed to take without further question, in
	// bytes; nearly all are smaller. Of larger ones few are read at a time, so
	// that clients cannot fill the memory.
	usualBody       = 256 << 10
	trustedLength   = 64 << 10 // as much is taken for a length that a client only claims
	maxLargeBodies  = 4
	bodyTimeout     = 10 * time.Second // how long a client may take to send its body
	responseTimeout = 5 * time.Second  // and, beyond the deadline, to take the answer

	// defaultTimeout is what the API server waits for a webhook that says
	// nothing else (admissionregistration.k8s.io/v1, timeoutSeconds).
	defaultTimeout = 10 * time.Second

	// answerMargin is kept of the API server's time-out, so that an answer
	// still arrives.
	answerMargin = 500 * time.Millisecond
)

// reviewer answers one kind of admission requests. An error is one of the
// request's: it becomes an HTTP status, and the webhook configuration's
// failurePolicy decides.
type reviewer interface {
	review(ctx context.Context, request *admissionv1.AdmissionRequest) (*admissionv1.AdmissionResponse, *httpError)
}

// httpError is an answer that is no admission response.
type httpError struct {
	status  int
	message string
}

// endpoint speaks the webhook protocol for a reviewer.
type endpoint struct {
	reviewer reviewer
	log      logr.Logger
	// large has room for the large bodies that are read at a time. It may be
	// shared by endpoints.
	large chan struct{}
}

// ServeHTTP answers one AdmissionReview. What is none gets a 4xx that says what
// is wrong with it.
func (e *endpoint) ServeHTTP(writer http.ResponseWriter, httpRequest *http.Request) {
	// A request that was taken on is finished: also while the server shuts
	// down, which ends the context that requests come with.
	timeout := timeoutOf(httpRequest)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(httpRequest.Context()), timeout)
	defer cancel()
	// Half-open clients must not hold a goroutine for ever. A writer that
	// cannot do it is one of a test.
	controller := http.NewResponseController(writer)
	_ = controller.SetReadDeadline(time.Now().Add(bodyTimeout))
	_ = controller.SetWriteDeadline(time.Now().Add(timeout + responseTimeout))

	review, failure := e.readReview(ctx, writer, httpRequest)
	if failure == nil {
		failure = e.answer(ctx, review)
	}
	if failure != nil {
		e.log.Info("Refused a request", "path", httpRequest.URL.Path, "status", failure.status, "reason", failure.message)
		http.Error(writer, failure.message, failure.status)
		return
	}
	writer.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(writer).Encode(review); err != nil {
		e.log.Error(err, "Cannot send an answer", "path", httpRequest.URL.Path)
	}
}

// answer turns a request into its response, in place. A panic is one request's
// misfortune and no other's.
func (e *endpoint) answer(ctx context.Context, review *admissionv1.AdmissionReview) (failure *httpError) {
	defer func() {
		if reason := recover(); reason != nil {
			e.log.Error(fmt.Errorf("panic: %v", reason), "A request could not be answered",
				"uid", review.Request.UID, "stack", string(debug.Stack()))
			failure = &httpError{http.StatusInternalServerError, fmt.Sprintf("fedmesh failed on this request: %v", reason)}
		}
	}()
	response, failure := e.reviewer.review(ctx, review.Request)
	if failure != nil {
		return failure
	}
	response.UID = review.Request.UID
	review.Request, review.Response = nil, response
	return nil
}

// readReview reads an AdmissionReview that holds a request.
func (e *endpoint) readReview(ctx context.Context, writer http.ResponseWriter, httpRequest *http.Request) (*admissionv1.AdmissionReview, *httpError) {
	if httpRequest.Method != http.MethodPost {
		return nil, &httpError{http.StatusMethodNotAllowed, "an AdmissionReview is sent with POST, not " + httpRequest.Method}
	}
	contentType := httpRequest.Header.Get("Content-Type")
	if mediaType, _, err := mime.ParseMediaType(contentType); err != nil || mediaType != "application/json" {
		return nil, &httpError{http.StatusUnsupportedMediaType, fmt.Sprintf("Content-Type is %q; want application/json", contentType)}
	}
	if httpRequest.ContentLength > maxBody {
		return nil, tooLarge()
	}
	body, release, err := e.readBody(ctx, http.MaxBytesReader(writer, httpRequest.Body, maxBody), httpRequest.ContentLength)
	defer release()
	if err != nil {
		if errors.Is(err, errTooManyLargeBodies) {
			return nil, &httpError{http.StatusServiceUnavailable, err.Error()}
		}
		if limit := (*http.MaxBytesError)(nil); errors.As(err, &limit) {
			return nil, tooLarge()
		}
		return nil, &httpError{http.StatusBadRequest, "cannot read the body: " + err.Error()}
	}
	review := &admissionv1.AdmissionReview{}
	if err := jsonv2.Unmarshal(body, review); err != nil {
		return nil, &httpError{http.StatusBadRequest, "the body is no AdmissionReview: " + err.Error()}
	}
	if want := admissionv1.SchemeGroupVersion.WithKind("AdmissionReview"); review.GroupVersionKind() != want {
		return nil, &httpError{http.StatusBadRequest, fmt.Sprintf("the body is apiVersion %q, kind %q; want %s, AdmissionReview",
			review.APIVersion, review.Kind, want.GroupVersion())}
	}
	if review.Request == nil || review.Request.UID == "" {
		return nil, &httpError{http.StatusBadRequest, "the AdmissionReview has no request with a uid"}
	}
	return review, nil
}

func tooLarge() *httpError {
	return &httpError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", maxBody)}
}

var errTooManyLargeBodies = errors.New("too many large requests at a time; try again")

// readBody reads a body whole. What a client says of its length counts for
// little: memory is taken as bytes arrive, and for a large body there has to be
// room. The function release gives the room back.
func (e *endpoint) readBody(ctx context.Context, from io.Reader, length int64) (body []byte, release func(), err error) {
	release = func() {}
	var buffer bytes.Buffer
	buffer.Grow(int(min(max(length, 0), trustedLength)) + bytes.MinRead)
	if _, err = io.CopyN(&buffer, from, usualBody); err == io.EOF {
		return buffer.Bytes(), release, nil
	} else if err != nil {
		return nil, release, err
	}
	select {
	case e.large <- struct{}{}:
		release = func() { <-e.large }
	case <-ctx.Done():
		return nil, release, errTooManyLargeBodies
	}
	_, err = buffer.ReadFrom(from)
	return buffer.Bytes(), release, err
}

// timeoutOf is how long an answer may take: the API server says in the timeout
// parameter how long it waits.
func timeoutOf(httpRequest *http.Request) time.Duration {
	timeout, err := time.ParseDuration(httpRequest.URL.Query().Get("timeout"))
	if err != nil || timeout <= 0 || timeout > 30*time.Second {
		timeout = defaultTimeout
	}
	// Of a short one, half.
	return max(timeout-answerMargin, timeout/2)
}

// allow lets a request pass without a word.
func allow() *admissionv1.AdmissionResponse {
	return &admissionv1.AdmissionResponse{Allowed: true}
}

// refuse is a response that refuses a request with a status.
func refuse(code int32, reason metav1.StatusReason, message string) *admissionv1.AdmissionResponse {
	return &admissionv1.AdmissionResponse{Result: &metav1.Status{
		Status:  metav1.StatusFailure,
		Code:    code,
		Reason:  reason,
		Message: message,
	}}
}

// retryAfterSeconds is when to come again while fedmesh or the API server is not
// there yet. Clients try ten times.
const retryAfterSeconds = 2

// retryLater refuses a request so that clients try again by themselves after so
// many seconds: kubectl and client-go do when a 503 says after how long. Unlike an HTTP error it does
// not leave the decision to failurePolicy.
func retryLater(message string, seconds int32) *admissionv1.AdmissionResponse {
	response := refuse(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, message+"; try again")
	response.Result.Details = &metav1.StatusDetails{RetryAfterSeconds: seconds}
	return response
}
