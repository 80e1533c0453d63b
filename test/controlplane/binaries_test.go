package controlplane

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindBinDir(t *testing.T) {
	t.Setenv("FEDMESH_BIN", "")
	found, err := FindBinDir()
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Base(found) != "bin" {
		t.Errorf("found %s, want the repository's bin", found)
	}

	t.Run("from a module inside the repository", func(t *testing.T) {
		t.Chdir(filepath.Join("servers", "etcd"))
		if got, err := FindBinDir(); err != nil || got != found {
			t.Errorf("got %s, %v; want %s", got, err, found)
		}
	})
	t.Run("outside the repository", func(t *testing.T) {
		t.Chdir(t.TempDir())
		if got, err := FindBinDir(); err == nil || !strings.Contains(err.Error(), "FEDMESH_BIN") {
			t.Errorf("got %s, %v; want an error that names FEDMESH_BIN", got, err)
		}
		t.Setenv("FEDMESH_BIN", found)
		if got, err := FindBinDir(); err != nil || got != found {
			t.Errorf("with FEDMESH_BIN: got %s, %v; want %s", got, err, found)
		}
	})
	t.Run("through a symbolic link", func(t *testing.T) {
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(found, link); err != nil {
			t.Fatal(err)
		}
		t.Setenv("FEDMESH_BIN", link)
		if got, err := FindBinDir(); err != nil || got != found {
			t.Errorf("got %s, %v; want %s", got, err, found)
		}
	})
}

func TestFindBinDirNamesWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("FEDMESH_BIN", dir)
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kubectl"} {
		path := filepath.Join(dir, name)
		if _, err := FindBinDir(); err == nil || err.Error() != path+` is missing: run "make servers" first` {
			t.Errorf("error is %v, want %s missing", err, path)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := FindBinDir(); err == nil || !strings.Contains(err.Error(), path+" is not an executable file") {
			t.Errorf("error is %v, want %s not executable", err, path)
		}
		if err := os.Chmod(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := FindBinDir(); err != nil {
		t.Error(err)
	}
}
