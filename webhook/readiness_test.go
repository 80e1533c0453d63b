package webhook

import (
	"crypto/tls"
	"errors"
	"strings"
	"testing"

	"github.com/go-logr/logr"
)

func TestReadiness(t *testing.T) {
	missing, loaded := []string{"services"}, false
	untrusted := errors.New("unknown authority")
	var certificate *tls.Certificate
	readiness := &Readiness{
		missing: func() []string { return missing },
		loaded:  func() bool { return loaded },
		certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if certificate == nil {
				return nil, errors.New("none yet")
			}
			return certificate, nil
		},
		verify: func(*tls.Certificate) error { return untrusted },
		log:    logr.Discard(),
	}
	// Step by step, each thing that is waited for comes true.
	for _, step := range []struct {
		want string
		then func()
	}{
		{"none yet", func() { certificate = &tls.Certificate{} }},
		{"services", func() { missing = nil }},
		{"Federation", func() { loaded = true }},
		{"unknown authority", func() { untrusted = nil }},
		{"", func() { untrusted = errors.New("rotated") }},
		{"", readiness.Drain}, // later distrust is no reason to leave
		{"shutting down", func() {}},
	} {
		got := ""
		if err := readiness.Check(nil); err != nil {
			got = err.Error()
		}
		if (got == "") != (step.want == "") || !strings.Contains(got, step.want) {
			t.Errorf("got %q; want %q", got, step.want)
		}
		step.then()
	}
}
