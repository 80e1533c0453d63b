// Package progress shows on a terminal how far a long piece of work is.
//
// What does not belong here: finding out whether there is a terminal.
package progress

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// delay is how long the work takes before anything is shown.
	delay = time.Second
	// interval between two lines is short enough to look alive.
	interval = 200 * time.Millisecond
)

// Progress counts what is done. All its methods may be called at the same time, and
// on nil, which shows nothing.
type Progress struct {
	documents, objects atomic.Int64

	out     io.Writer
	stop    chan struct{}
	stopped sync.WaitGroup
}

// Start shows progress on out until Stop is called.
func Start(out io.Writer) *Progress {
	p := &Progress{out: out, stop: make(chan struct{})}
	p.stopped.Go(p.show)
	return p
}

// Read counts documents that were read.
func (p *Progress) Read(documents int) {
	if p != nil {
		p.documents.Add(int64(documents))
	}
}

// Judged counts objects that were judged.
func (p *Progress) Judged(objects int) {
	if p != nil {
		p.objects.Add(int64(objects))
	}
}

// Stop erases what is shown. Nothing is written after it.
func (p *Progress) Stop() {
	if p != nil {
		close(p.stop)
		p.stopped.Wait()
	}
}

func (p *Progress) show() {
	next := time.NewTimer(delay)
	defer next.Stop()
	width := 0
	for {
		select {
		case <-p.stop:
			p.erase(width)
			return
		case <-next.C:
			width = p.draw()
			next.Reset(interval)
		}
	}
}

// draw shows what is done, and returns how wide that is. Until something is, somebody
// may be asked for a password.
func (p *Progress) draw() (width int) {
	if p.documents.Load() == 0 {
		return 0
	}
	line := p.line()
	fmt.Fprint(p.out, "\r"+line) // counts only grow: it covers the one before
	return len(line)
}

// erase overwrites the line, which every terminal knows how to do.
func (p *Progress) erase(width int) {
	if width > 0 {
		fmt.Fprint(p.out, "\r"+strings.Repeat(" ", width)+"\r")
	}
}

func (p *Progress) line() string {
	return "read " + grouped(p.documents.Load()) + " documents, judged " + grouped(p.objects.Load()) + " objects"
}

// grouped is a number with commas between the thousands.
func grouped(number int64) string {
	digits := strconv.FormatInt(number, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
