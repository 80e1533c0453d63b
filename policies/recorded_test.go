package policies

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
)

// recordedPods is where the tests with Istio's own injector keep what it makes of
// pods; "make golden" records them anew.
const recordedPods = "../test/istio/testdata/pods"

// recording is a pod at three moments: as the user made it, as Istio's own
// injector left it after the first pass of fedmesh, and after the second.
type recording struct {
	name                    string
	created, injected, done []byte
	settings                PodSettings
}

// recordings are those of pods that the second pass has something to do for.
func recordings(t testing.TB) []recording {
	t.Helper()
	var recordings []recording
	for phase, settings := range recordedSettings() {
		paths, err := filepath.Glob(filepath.Join(recordedPods, "*", phase+".before.yaml"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("reading %s: %v, %d files", recordedPods, err, len(paths))
		}
		for _, path := range paths {
			directory := filepath.Dir(path)
			r := recording{
				name:     filepath.Base(directory) + " " + phase,
				created:  readRecorded(t, filepath.Join(directory, "pod.yaml")),
				injected: readRecorded(t, path),
				done:     readRecorded(t, filepath.Join(directory, phase+".reinvoked.yaml")),
				settings: settings,
			}
			if r.injected != nil {
				recordings = append(recordings, r)
			}
		}
	}
	return recordings
}

// recordedSettings are those that pods were recorded with, by the phase that heads
// the names of files.
func recordedSettings() map[string]PodSettings {
	usual := testSettings()
	noNetwork, otherNetwork, hostPath := usual, usual, usual
	noNetwork.RootNetwork = ""
	otherNetwork.RootNetwork = "network-3"
	hostPath.Pods.WorkloadSocket = v1alpha1.WorkloadSocket{Type: v1alpha1.WorkloadSocketHostPath, Path: "/run/spire/agent-sockets"}
	return map[string]PodSettings{
		"usual": usual, "cni": usual, "old-node": usual,
		"no-network": noNetwork, "other-network": otherNetwork, "host-path": hostPath,
	}
}

// readRecorded returns the pod of a file, and nil where the file has none: Istio
// refused it. Of a Job it returns the Job.
func readRecorded(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%v: record pods again", err)
	} else if err != nil {
		t.Fatal(err)
	}
	document, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(document), "{") {
		return nil
	}
	return document
}
