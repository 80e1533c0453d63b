package policies

import "testing"

func TestPeerIdentityUpdates(t *testing.T) {
	const good, bad, worse = "spiffe://bar.com/ns/bar/sa/httpbin", "spiffe://baz.com/ns/bar/sa/httpbin", "spiffe://Bar.com/ns/bar/sa/httpbin"
	names := func(list string) string { return usualEntry("subjectAltNames: [" + list + "]") }
	runUpdates(t, []updateTest{
		{"a name is added", names(good), names(good + ", " + bad), []string{"Deny FED112 spec.subjectAltNames[1]"}},
		{"it was there and moves", names(bad + ", " + good), names(good + ", " + bad), []string{"Warn FED112 spec.subjectAltNames[1]"}},
		{"one for another", names(bad), names(worse), []string{"Deny FED112 spec.subjectAltNames[0]"}},
		{"one of two is mended", names(bad + ", " + worse), names(good + ", " + worse), []string{"Warn FED112 spec.subjectAltNames[1]"}},
		{"all are taken out", names(bad), usualEntry("subjectAltNames:"), []string{"Audit FED112 spec.subjectAltNames"}},
	})
}
