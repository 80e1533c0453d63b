package installation

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
)

// tailLines is how many lines an error message quotes.
const tailLines = 10

// replicaLog passes a replica's output on, line by line, and remembers the end
// of it for error messages.
type replicaLog struct {
	name string
	out  io.Writer
	// lock is shared by all replicas of an installation: they have one out.
	lock *sync.Mutex
	rest []byte // of a line that has not ended yet
	tail []string
}

// Write never fails: a broken log must not stop a server.
func (l *replicaLog) Write(p []byte) (int, error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.rest = append(l.rest, p...)
	for {
		end := bytes.IndexByte(l.rest, '\n')
		if end < 0 {
			return len(p), nil
		}
		line := string(l.rest[:end])
		l.rest = l.rest[end+1:]
		l.tail = append(l.tail[max(0, len(l.tail)-tailLines+1):], line)
		if l.out != nil {
			fmt.Fprintf(l.out, "%s: %s\n", l.name, line)
		}
	}
}

// lastLines is what an error message says about the replica's output.
func (l *replicaLog) lastLines() string {
	l.lock.Lock()
	defer l.lock.Unlock()
	if len(l.tail) == 0 {
		return "it printed nothing"
	}
	return "it printed last:\n\t" + strings.Join(l.tail, "\n\t")
}
