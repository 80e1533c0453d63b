package controlplane

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// process is what /proc says about one process.
type process struct {
	id, parent  int
	commandLine string
}

// processes returns the processes that run now. Tests that need it are skipped
// where there is no /proc.
func processes(t *testing.T) []process {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	if len(dirs) == 0 {
		t.Skip("no /proc")
	}
	var found []process
	for _, dir := range dirs {
		id, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		// Processes come and go while we look; what is gone is not of interest.
		commandLine, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || len(commandLine) == 0 {
			continue
		}
		stat, err := os.ReadFile(filepath.Join(dir, "stat"))
		if err != nil {
			continue
		}
		// The name is in parentheses and may hold anything; state and parent
		// come after the last one.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		parent, err := strconv.Atoi(fields[1])
		if err != nil {
			t.Fatalf("cannot read the parent of process %d: %v", id, err)
		}
		found = append(found, process{id, parent, string(bytes.ReplaceAll(commandLine, []byte{0}, []byte(" ")))})
	}
	return found
}

// listens returns the TCP addresses that the process listens on.
func (p process) listens(t *testing.T) []netip.AddrPort {
	t.Helper()
	descriptors, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.id))
	if err != nil {
		t.Fatal(err)
	}
	sockets := map[string]bool{}
	for _, descriptor := range descriptors {
		if target, err := os.Readlink(descriptor); err == nil && strings.HasPrefix(target, "socket:") {
			sockets[strings.Trim(target, "socket:[]")] = true
		}
	}
	var addresses []netip.AddrPort
	for _, table := range []string{"tcp", "tcp6"} {
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", p.id, table))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(content)) {
			const local, state, inode, listening = 1, 3, 9, "0A"
			fields := strings.Fields(line)
			if len(fields) > inode && fields[state] == listening && sockets[fields[inode]] {
				addresses = append(addresses, parseKernelAddress(t, fields[local]))
			}
		}
	}
	return addresses
}

// parseKernelAddress reads an address of /proc/net/tcp: words of 32 bits in the
// byte order of the machine, in hexadecimal, a colon and the port.
func parseKernelAddress(t *testing.T, text string) netip.AddrPort {
	t.Helper()
	address, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(address)
	if err != nil {
		t.Fatalf("cannot read the address %q: %v", text, err)
	}
	for word := range len(raw) / 4 {
		bytes := raw[word*4 : word*4+4]
		binary.NativeEndian.PutUint32(bytes, binary.BigEndian.Uint32(bytes))
	}
	ip, ok := netip.AddrFromSlice(raw)
	if !ok {
		t.Fatalf("cannot read the address %q", text)
	}
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		t.Fatalf("cannot read the port of %q: %v", text, err)
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(number))
}

// The loopback check is worth nothing if it does not see other addresses.
func TestListensSeesAllAddresses(t *testing.T) {
	self := process{id: os.Getpid()}
	processes(t)
	for _, address := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("this machine cannot listen on %s: %v", address, err)
			continue
		}
		defer listener.Close()
		want := listener.Addr().(*net.TCPAddr).AddrPort()
		seen := false
		for _, got := range self.listens(t) {
			seen = seen || got == want
		}
		if !seen {
			t.Errorf("%s is not among %v", want, self.listens(t))
		}
	}
}
