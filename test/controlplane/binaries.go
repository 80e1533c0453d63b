package controlplane

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The programs that a control plane consists of, as they are called in bin.
const (
	etcdBinary              = "etcd"
	apiServerBinary         = "kube-apiserver"
	controllerManagerBinary = "kube-controller-manager"
	kubectlBinary           = "kubectl"
)

// binDirVariable names the environment variable that overrides where FindBinDir looks.
const binDirVariable = "FEDMESH_BIN"

// modulePath is how the repository is recognized from below: the servers and
// tools have a go.mod of their own, so the nearest one is not always the right one.
const modulePath = "fedmesh.io/fedmesh"

// FindBinDir returns the directory that holds the servers: FEDMESH_BIN if it is
// set, else bin of the repository around the working directory. It is an error
// when one of the servers is missing.
func FindBinDir() (string, error) {
	dir := os.Getenv(binDirVariable)
	if dir == "" {
		root, err := repositoryDir()
		if err != nil {
			return "", fmt.Errorf("cannot find the servers: %w; set %s to the directory that holds them", err, binDirVariable)
		}
		dir = filepath.Join(root, "bin")
	}
	return checkBinDir(dir)
}

// checkBinDir returns dir as an absolute path without symbolic links, which is
// how the kernel names running programs.
func checkBinDir(dir string) (string, error) {
	for _, name := range []string{etcdBinary, apiServerBinary, controllerManagerBinary, kubectlBinary} {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf(`%s is missing: run "make servers" first`, path)
		case err != nil:
			return "", fmt.Errorf(`cannot use %s: %w; run "make servers" to build it`, path, err)
		case info.IsDir() || info.Mode().Perm()&0o111 == 0:
			return "", fmt.Errorf(`%s is not an executable file: remove it and run "make servers"`, path)
		}
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("cannot make %s an absolute path: %w", dir, err)
	}
	resolved, err := filepath.EvalSymlinks(absolute)
	if err != nil {
		return "", fmt.Errorf("cannot resolve %s: %w", absolute, err)
	}
	return resolved, nil
}

// repositoryDir returns the directory with fedmesh's go.mod, which is the
// working directory or above it.
func repositoryDir() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("cannot tell the working directory: %w", err)
	}
	for dir := start; ; {
		if declaresModule(filepath.Join(dir, "go.mod")) {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("neither %s nor a directory above it has the go.mod of module %s: run inside the repository", start, modulePath)
		}
		dir = parent
	}
}

func declaresModule(goMod string) bool {
	file, err := os.Open(goMod)
	if err != nil {
		return false
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, found := strings.CutPrefix(lines.Text(), "module "); found {
			return strings.TrimSpace(name) == modulePath
		}
	}
	return false
}
