package policies

import "testing"

func TestPodStatus(t *testing.T) {
	status := podStatus{WorkloadSocket: "a", DNSCapture: `b "<&>"`, NetworkLabel: "c", Registration: "d"}
	want := `{"workload-socket":"a","dns-capture":"b \"<&>\"","network-label":"c","registration":"d"}`
	if got := status.String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
