package policies

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/cert-manager/cert-manager/pkg/util/pki"
	"github.com/google/go-cmp/cmp"

	"fedmesh.io/fedmesh/policies/mesh"
)

// certificateYAML is a Certificate in namespace foo with further fields.
func certificateYAML(fields ...string) string {
	return "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: httpbin, namespace: foo}\nspec:\n" +
		"  secretName: httpbin-tls\n  issuerRef: {name: mesh}\n  " + strings.Join(fields, "\n  ") + "\n"
}

// signed returns the PEM of a request for these URIs.
func signed(t testing.TB, uris ...string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var template x509.CertificateRequest
	for _, text := range uris {
		uri, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		template.URIs = append(template.URIs, uri)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &template, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// requestOf is a CertificateRequest in namespace foo that has this signed.
func requestOf(t testing.TB, signed []byte, isCA, renewal bool) *mesh.Object {
	t.Helper()
	text, err := json.Marshal(signed)
	if err != nil {
		t.Fatal(err)
	}
	var owners string
	if renewal {
		owners = `, "ownerReferences": [{"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "name": "httpbin", "controller": true}]`
	}
	object, err := mesh.Decode(mesh.CertificateRequest, fmt.Appendf(nil,
		`{"metadata": {"name": "httpbin-1", "namespace": "foo"%s}, "spec": {"isCA": %t, "issuerRef": {"name": "mesh"}, "request": %s}}`, owners, isCA, text))
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// outcomeOf evaluates object alone.
func outcomeOf(t testing.TB, evaluator *Evaluator, object *mesh.Object, federation *mesh.Federation) []string {
	t.Helper()
	outcome := evaluator.Evaluate(Review{Object: object}, mesh.NewIndex(), federation)
	for _, failure := range outcome.Failures {
		t.Errorf("rule %s panicked: %s\n%s", failure.Rule, failure.Reason, failure.Stack)
	}
	var lines []string
	for _, finding := range outcome.Findings {
		lines = append(lines, string(finding.Action)+" "+finding.String())
	}
	return lines
}

func TestTrustDomainOfName(t *testing.T) {
	for text, want := range map[string]string{
		"spiffe://foo.com/ns/a/sa/b":    "foo.com",
		"spiffe://foo.com":              "foo.com",
		"spiffe://foo.com/":             "foo.com",
		"spiffe://FOO.com/x":            "foo.com",
		"Spiffe://foo.com/x":            "foo.com",
		"spiffe://foo.com:443/x":        "foo.com",
		"spiffe://a@b@foo.com/x@y":      "foo.com",
		"spiffe://foo.com?a/b":          "foo.com",
		"spiffe://foo.com#a/b":          "foo.com",
		"spiffe://foo.com/x?spiffe://a": "foo.com",
		"spiffe://":                     "",
		"spiffe:///ns/a":                "",
		"spiffe:foo.com":                "no",
		"spiffe:/foo.com":               "no",
		"spiffes://foo.com":             "no",
		" spiffe://foo.com":             "no",
		"https://foo.com":               "no",
		"":                              "no",
	} {
		domain, spiffe := uriName{text: text}.trustDomain()
		if spiffe != (want != "no") || spiffe && domain != want {
			t.Errorf("%q: got %q, %t; want %q", text, domain, spiffe, want)
		}
	}
}

// TestURINames: of a request they are in what is signed, and where that cannot be
// read, or is longer than anything that cert-manager reads, there are none.
func TestURINames(t *testing.T) {
	const foreign = "spiffe://bar.com/ns/foo/sa/a"
	whole := signed(t, foreign, "https://example.com/x")
	block, _ := pem.Decode(whole)
	many := make([]string, 2000)
	for i := range many {
		many[i] = foreign
	}
	for name, test := range map[string]struct {
		signed []byte
		want   []string
	}{
		"whole":               {whole, []string{foreign, "https://example.com/x"}},
		"of another type":     {pem.EncodeToMemory(&pem.Block{Type: "NEW CERTIFICATE REQUEST", Bytes: block.Bytes}), []string{foreign, "https://example.com/x"}},
		"behind something":    {append([]byte("# made by hand\n"), whole...), []string{foreign, "https://example.com/x"}},
		"before another":      {append(bytes.Clone(whole), signed(t, "spiffe://foo.com")...), []string{foreign, "https://example.com/x"}},
		"without names":       {signed(t), nil},
		"nothing":             {nil, nil},
		"no PEM":              {block.Bytes, nil},
		"cut off":             {whole[:len(whole)-40], nil},
		"cut off inside":      {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: block.Bytes[:len(block.Bytes)-1]}), nil},
		"behind far too much": {append(bytes.Repeat([]byte("#\n"), 1<<15), whole...), nil},
		"far too many":        {signed(t, many...), nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, uri := range uriNames(requestOf(t, test.signed, false, false)) {
				if uri.field.String() != "spec.request" {
					t.Errorf("got field %s; want spec.request", uri.field)
				}
				got = append(got, uri.text)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("URIs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCertificateUpdates: an older Certificate can be changed, and takes no further
// name that it must not have.
func TestCertificateUpdates(t *testing.T) {
	foreign := certificateYAML("uris: [spiffe://bar.com/ns/foo/sa/a]")
	runUpdates(t, []updateTest{
		{"something else changed", foreign, certificateYAML("uris: [spiffe://bar.com/ns/foo/sa/a]", "duration: 48h"), []string{"Warn FED511 spec.uris[0]"}},
		{"the name moved", foreign, certificateYAML("uris: [https://a.com, spiffe://bar.com/ns/foo/sa/a]"), []string{"Warn FED511 spec.uris[1]"}},
		{"another name", foreign, certificateYAML("uris: [spiffe://bar.com/ns/foo/sa/b]"), []string{"Deny FED511 spec.uris[0]"}},
		{"a name of its own as well", foreign, certificateYAML("uris: [spiffe://bar.com/ns/foo/sa/a, spiffe://foo.com/ns/foo/sa/a]"),
			[]string{"Warn FED511 spec.uris[0]", "Deny FED512 spec.uris[0]"}},
		{"mended", foreign, certificateYAML("uris: [spiffe://foo.com/ns/foo/sa/a]"), nil},
		{"no leaf any more", certificateYAML("isCA: true", "uris: [spiffe://foo.com]"), certificateYAML("uris: [spiffe://foo.com]"), []string{"Deny FED512 spec.uris[0]"}},
	})
}

// TestCertificateLongestMessage: kubectl cuts warnings off behind 256 characters.
func TestCertificateLongestMessage(t *testing.T) {
	long := strings.Repeat("n", 63)
	domain := long + "." + long + "." + long
	context := "apiVersion: fedmesh.io/v1alpha1\nkind: Federation\nmetadata: {name: default}\nspec:\n  localMember: a\n  members:\n" +
		"  - {name: a, network: a, trustDomain: " + domain + "}\n" +
		"  - {name: b" + long[1:] + ", network: b, trustDomain: b." + domain + "}\n  - {name: c, network: c, trustDomain: b." + domain + "}\n"
	wanted := map[string]bool{}
	for _, name := range []string{
		"spiffe://b." + domain + "/ns/" + long + "/sa/" + long,
		"spiffe://c." + domain + "/ns/" + long + "/sa/" + long,
		"spiffe://" + domain + "/ns/o" + long[1:] + "/sa/" + long,
		"spiffe://" + domain + "/" + long + "/" + long,
		"spiffe://" + strings.ToUpper(domain) + "/ns/" + long,
	} {
		filler := strings.Repeat("spiffe://"+domain+"/ns/"+long+"/sa/a, ", 99)
		for _, fields := range [][]string{{"uris: [" + filler + name + "]"}, {"isCA: true", "uris: [" + name + "]"}, {"secretName: cacerts"}} {
			object := strings.Replace(certificateYAML(fields...), "namespace: foo", "namespace: "+long, 1)
			if fields[0] == "secretName: cacerts" {
				object = strings.Replace(object, "  secretName: httpbin-tls\n", "", 1)
			}
			other := strings.Replace(strings.Replace(object, "httpbin", "h"+strings.Repeat("n", 252), 1), "metadata", "metadata", 1)
			for _, finding := range evaluate(t, Catalogue(), "", object, with(context, other)).Findings {
				wanted[finding.Rule] = true
				if text := finding.String(); len(text) > MaxWarning {
					t.Errorf("%d characters; want %d at most: %s", len(text), MaxWarning, text)
				}
			}
		}
	}
	if len(wanted) != 4 {
		t.Errorf("got findings of %v; want some of all four rules", wanted)
	}
}

// FuzzCertificateRequest: whatever stands in a request is evaluated without a panic and
// with the same findings again; what cert-manager cannot read passes in silence; and a
// renewal is never refused.
func FuzzCertificateRequest(f *testing.F) {
	evaluator, err := NewEvaluator(Catalogue())
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(nil), false)
	f.Add([]byte("-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n"), true)
	f.Add(bytes.Repeat([]byte("-----BEGIN "), 1<<14), false)
	for _, uris := range [][]string{
		nil, {"spiffe://foo.com/ns/foo/sa/a"}, {"spiffe://foo.com"}, {"spiffe://bar.com/ns/foo/sa/a"},
		{"spiffe://foo.com/ns/foo/sa/a", "https://a.com", "spiffe://baz.com"}, {"spiffe:", "spiffe://", "spiffe:///"},
	} {
		f.Add(signed(f, uris...), false)
		f.Add(signed(f, uris...), true)
	}
	federations := []*mesh.Federation{usualFederation(), mesh.Undeclared()}
	f.Fuzz(func(t *testing.T, signed []byte, isCA bool) {
		_, unread := pki.DecodeX509CertificateRequestBytes(signed)
		for _, federation := range federations {
			first := outcomeOf(t, evaluator, requestOf(t, signed, isCA, false), federation)
			if diff := cmp.Diff(first, outcomeOf(t, evaluator, requestOf(t, signed, isCA, false), federation)); diff != "" {
				t.Errorf("evaluated twice (-first +second):\n%s", diff)
			}
			if len(first) > 0 && (unread != nil || !federation.Declared) {
				t.Errorf("got %q; want silence (cert-manager says %v)", first, unread)
			}
			for _, line := range outcomeOf(t, evaluator, requestOf(t, signed, isCA, true), federation) {
				if strings.HasPrefix(line, string(Deny)) {
					t.Errorf("a renewal: got %q; want no denial", line)
				}
			}
		}
	})
}

// BenchmarkCertificateRequest: a request as every workload makes it, and the worst that
// is read at all.
func BenchmarkCertificateRequest(b *testing.B) {
	evaluator, err := NewEvaluator(Catalogue())
	if err != nil {
		b.Fatal(err)
	}
	index, federation := mesh.NewIndex(), usualFederation()
	many := make([]string, 600)
	for i := range many {
		many[i] = fmt.Sprintf("spiffe://bar.com/ns/foo/sa/%d", i)
	}
	for name, signed := range map[string][]byte{
		"usual":   signed(b, "spiffe://foo.com/ns/foo/sa/a"),
		"many":    signed(b, many...),
		"hostile": bytes.Repeat([]byte("-----BEGIN A-----\n"), 2000),
	} {
		object := requestOf(b, signed, false, false)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				evaluator.Evaluate(Review{Object: object}, index, federation)
			}
		})
	}
}
