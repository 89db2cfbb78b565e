package emulate

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// isolatedName is the environment variable by which a re-executed test binary knows which test it is here for.
const isolatedName = "POSVID_EMULATE_ISOLATED"

// Isolated runs a test with a pcscd of its own. It executes the test binary once more for this one test, in a mount, a
// network and a process namespace of its own: a fresh /run, a loopback that nobody else hears, no USB reader of the
// machine, and the kernel ends every process of it when the test ends. Inside it starts the real pcscd with the driver
// vpcd and calls body. Everything the test does before Isolated happens twice: call it first.
//
// Several tests may be isolated at the same time. When a program is missing, or the kernel allows no namespaces, the test
// is skipped with the reason; with CI=true it fails.
func Isolated(t *testing.T, config FixtureConfig, body func(t *testing.T, f *Fixture)) {
	t.Helper()
	if os.Getenv(isolatedName) == t.Name() {
		f, err := newFixture(t, config)
		if err != nil {
			t.Fatal(err)
		}
		body(t, f)
		return
	}
	Require(t, append([]string{"pcscd", driverName}, config.Programs...)...)
	output, err := rerun(t)
	if errors.Is(err, errNamespace) {
		skip(t, err.Error())
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	name := regexp.QuoteMeta(t.Name())
	if skipped := regexp.MustCompile(`(?m)^\s*--- SKIP: ` + name + ` .*\n((?:.*\n)?)`).FindSubmatch(output); skipped != nil {
		skip(t, strings.TrimSpace(string(skipped[1])))
	}
	if !regexp.MustCompile(`(?m)^\s*--- PASS: ` + name + ` `).Match(output) {
		t.Fatalf("emulate: the isolated test did not run\n%s", output)
	}
	t.Logf("isolated:\n%s", output)
}

var errNamespace = errors.New("emulate: the kernel gives this user no namespaces")

// rerun executes the present test alone in namespaces of its own.
func rerun(t *testing.T) ([]byte, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	parts := strings.Split(t.Name(), "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	arguments := []string{"-test.run=" + strings.Join(parts, "/"), "-test.v=true", "-test.count=1", "-test.short=" + strconv.FormatBool(testing.Short())}
	if deadline, ok := t.Deadline(); ok {
		left := time.Until(deadline)
		arguments = append(arguments, "-test.timeout="+(left-left/20).String())
	}
	flags := uintptr(unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID)
	attributes := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if id := os.Geteuid(); id != 0 { // a user namespace gives an ordinary user the rights over the others
		flags |= unix.CLONE_NEWUSER
		attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}
		attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	attributes.Cloneflags = flags
	command := exec.Command(executable, arguments...)
	command.Env = append(os.Environ(), isolatedName+"="+t.Name())
	command.SysProcAttr = attributes
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	result := make(chan error, 1)
	go func() {
		// The death signal comes when the thread that started the child ends, so the thread waits for it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := command.Start(); err != nil {
			if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSPC) {
				err = fmt.Errorf("%w: %v", errNamespace, err)
			}
			result <- err
			return
		}
		result <- command.Wait()
	}()
	err = <-result
	return output.Bytes(), err
}

// Fixture is a running pcscd with virtual readers, for the test that [Isolated] calls.
type Fixture struct {
	config FixtureConfig
	t      *testing.T
	dir    string // reader configuration and log
	ctx    context.Context

	mu     sync.Mutex
	daemon *exec.Cmd
	exited chan struct{}
	logs   []string // a file for each time pcscd was started
	plugs  [2]*Plug // what Insert and Put left in the slots
	coming [2]*Plug // cards that pcscd has not told of yet
	silent [2]int   // cards that were there before the running pcscd first looked: it tells of their going only
}

const runtimeDir = "/run/pcscd"

// patience is how long pcscd may take for what it does in half a second on a machine that is not busy.
const patience = 20 * time.Second

func newFixture(t *testing.T, config FixtureConfig) (*Fixture, error) {
	if err := settle(); err != nil {
		return nil, err
	}
	f := &Fixture{config: config, t: t, dir: t.TempDir(), ctx: t.Context()}
	conf := filepath.Join(f.dir, "reader.conf.d")
	if err := os.Mkdir(conf, 0o755); err != nil {
		return nil, err
	}
	if !config.NoReaders {
		entry := fmt.Sprintf("FRIENDLYNAME \"%s\"\nDEVICENAME /dev/null:0x%X\nLIBPATH %s\nCHANNELID 0x%X\n", config.name(), firstPort, driverPath(), firstPort)
		if err := os.WriteFile(filepath.Join(conf, "reader"), []byte(entry), 0o644); err != nil {
			return nil, err
		}
	}
	t.Cleanup(func() {
		f.StopDaemon()
		if t.Failed() {
			t.Logf("pcscd:\n%s", f.Log())
		}
	})
	if !config.NoDaemon {
		f.StartDaemon()
	}
	return f, nil
}

// settle furnishes the namespaces: mounts stay private, /run is new, /proc is ours, no driver for readers of metal, and
// the loopback is up.
func settle() error {
	mount := func(source, target, kind string, flags uintptr, data string) error {
		if err := unix.Mount(source, target, kind, flags, data); err != nil {
			return fmt.Errorf("emulate: mount %s: %w", target, err)
		}
		return nil
	}
	if err := mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=16m,mode=755"); err != nil {
		return err
	}
	if err := os.Mkdir(runtimeDir, 0o755); err != nil {
		return err
	}
	// A container may forbid a new /proc; then the old one stays, and only the numbers of processes differ.
	_ = mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	bundles, _ := filepath.Glob(filepath.Join(filepath.Dir(filepath.Dir(driverPath())), "*.bundle"))
	for _, bundle := range bundles {
		if err := mount("tmpfs", bundle, "tmpfs", unix.MS_RDONLY, "size=4k"); err != nil {
			return err
		}
	}
	return loopbackUp()
}

// loopbackUp does what `ip link set lo up` does.
func loopbackUp() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("emulate: loopback: %w", err)
	}
	defer unix.Close(socket)
	var request struct {
		name  [unix.IFNAMSIZ]byte
		flags uint16
		rest  [22]byte
	}
	copy(request.name[:], "lo")
	request.flags = unix.IFF_UP | unix.IFF_RUNNING
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(socket), unix.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return fmt.Errorf("emulate: loopback: %w", errno)
	}
	return nil
}

// StartDaemon starts pcscd and waits until it listens.
func (f *Fixture) StartDaemon() {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.daemon != nil {
		f.t.Fatal("emulate: pcscd runs already")
	}
	for _, left := range []string{"pcscd.comm", "pcscd.pid"} { // what a killed daemon leaves and a new one refuses
		if err := os.Remove(filepath.Join(runtimeDir, left)); err != nil && !errors.Is(err, os.ErrNotExist) {
			f.t.Fatal(err)
		}
	}
	log, err := os.Create(filepath.Join(f.dir, fmt.Sprintf("pcscd%d.log", len(f.logs))))
	if err != nil {
		f.t.Fatal(err)
	}
	f.logs, f.silent = append(f.logs, log.Name()), [2]int{}
	defer log.Close()
	daemon := exec.Command(daemonPath(), "--foreground", "--info", "--config", filepath.Join(f.dir, "reader.conf.d"))
	daemon.Stdout, daemon.Stderr = log, log
	if err := daemon.Start(); err != nil {
		f.t.Fatalf("emulate: pcscd: %v", err)
	}
	exited := make(chan struct{})
	go func() {
		_ = daemon.Wait() // its end is a fact, its status is not: it is mostly killed
		close(exited)
	}()
	f.daemon, f.exited = daemon, exited
	deadline := time.After(patience)
	for {
		// The socket is there before the readers are; who connects waits for them, so connecting is the test.
		if conn, err := net.Dial("unix", filepath.Join(runtimeDir, "pcscd.comm")); err == nil {
			conn.Close()
			return
		}
		select {
		case <-exited:
			f.t.Fatalf("emulate: pcscd ended at once:\n%s", readLogs(f.logs))
		case <-deadline:
			f.t.Fatalf("emulate: pcscd does not listen:\n%s", readLogs(f.logs))
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// StopDaemon ends pcscd in order, as a service manager does. Without one it does nothing.
func (f *Fixture) StopDaemon() { f.endDaemon(syscall.SIGTERM) }

// KillDaemon ends pcscd at once; its socket stays behind, without anybody listening.
func (f *Fixture) KillDaemon() { f.endDaemon(syscall.SIGKILL) }

func (f *Fixture) endDaemon(signal syscall.Signal) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.daemon == nil {
		return
	}
	_ = f.daemon.Process.Signal(signal) // it may be gone already
	select {
	case <-f.exited:
	case <-time.After(5 * time.Second): // a stalled card keeps it from ending
		_ = f.daemon.Process.Kill()
		<-f.exited
	}
	f.daemon = nil
}

// Commands of the protocol between a program's libpcsclite and pcscd: 4-byte size and command, then a body; the answer
// is the body alone, filled in. Integers have the machine's byte order.
const (
	messageEstablish = 0x01 // scope, context, result
	messageVersion   = 0x11 // major, minor, result
	messageMax       = 1 << 16
)

// SecurityViolation is the PC/SC code by which pcscd refuses a user whom polkit does not allow.
const SecurityViolation uint32 = 0x8010006A

// RefuseClients puts a daemon in pcscd's place that refuses every program's context with a PC/SC code, e.g.
// [SecurityViolation], as a pcscd does whose polkit knows no right for this user. It ends with the test.
func (f *Fixture) RefuseClients(code uint32) {
	f.t.Helper()
	f.StopDaemon()
	socket := filepath.Join(runtimeDir, "pcscd.comm")
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		f.t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_ = refuse(conn, code) // a program that ends is no fault
			}()
		}
	}()
}

// refuse answers one program: its own version, and the refusal.
func refuse(conn net.Conn, code uint32) error {
	for {
		var head [8]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return err
		}
		size, command := binary.NativeEndian.Uint32(head[:]), binary.NativeEndian.Uint32(head[4:])
		if size < 12 || size > messageMax {
			return fmt.Errorf("emulate: message %02X of %d bytes", command, size)
		}
		body := make([]byte, size)
		if _, err := io.ReadFull(conn, body); err != nil {
			return err
		}
		switch command {
		case messageVersion:
			binary.NativeEndian.PutUint32(body[8:], 0)
		case messageEstablish:
			binary.NativeEndian.PutUint32(body[8:], code)
		default:
			return fmt.Errorf("emulate: message %02X before there is a context", command)
		}
		if _, err := conn.Write(body); err != nil {
			return err
		}
	}
}

// Log gives what pcscd has written, since its first start. It holds no APDUs.
func (f *Fixture) Log() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return readLogs(f.logs)
}

func readLogs(names []string) string {
	var text []byte
	for _, name := range names {
		one, err := os.ReadFile(name)
		if err != nil {
			return err.Error()
		}
		text = append(text, one...)
	}
	return string(text)
}

// events counts what the running pcscd has told of a slot: cards that came and cards that went.
func (f *Fixture) events(slot int) (inserted, removed int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	text := readLogs(f.logs[max(len(f.logs)-1, 0):])
	inserted = strings.Count(text, "Card inserted into "+f.Reader(slot)+"\n")
	// A card that was there when pcscd first looked at the slot is told by its answer to reset alone.
	if plug := f.coming[slot]; plug != nil && inserted == 0 && f.silent[slot] == 0 && strings.Count(text, "Card ATR: ") > strings.Count(text, "Card inserted into ")+f.silent[0]+f.silent[1] {
		select {
		case <-plug.Powered():
			f.silent[slot] = 1
		default:
		}
	}
	return inserted + f.silent[slot], strings.Count(text, "Card Removed From "+f.Reader(slot)+"\n")
}

// Reader gives the name of a slot as programs list it.
func (f *Fixture) Reader(slot int) string { return f.config.ReaderName(slot) }

// Address gives where vpcd waits for the card of a slot.
func (f *Fixture) Address(slot int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(firstPort+slot))
}

// await names the card that is on its way into a slot.
func (f *Fixture) await(slot int, plug *Plug) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.coming[slot] = plug
}

// Insert lays a card on the reader and returns when pcscd has told that it is there, mostly within half a second. If the
// slot's former card has just left, it first waits until pcscd has told that: two cards within 0.4 s are one to it. The
// card is taken away when the test ends.
func (f *Fixture) Insert(t testing.TB, slot int, device Device) *Plug {
	t.Helper()
	before := f.absent(t, slot)
	plug, err := Dial(f.ctx, f.Address(slot), device)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plug.Remove() }) // a fault of the line is what many tests are about
	f.await(slot, plug)
	defer f.await(slot, nil)
	deadline := time.After(patience)
	for {
		if inserted, _ := f.events(slot); inserted > before {
			f.mu.Lock()
			f.plugs[slot] = plug
			f.mu.Unlock()
			return plug
		}
		select {
		case <-plug.Done():
			t.Fatalf("emulate: the card in slot %d ended before pcscd saw it: %v", slot, plug.Remove())
		case <-deadline:
			t.Fatalf("emulate: pcscd did not see the card in slot %d", slot)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// Put is for many sessions: it lays a card on the reader in no time, in place of the one that Put or Insert left there,
// reset, without the reader noticing. Where that one has torn itself away or hangs in a command, it is taken away and the
// new one inserted, which takes a second.
func (f *Fixture) Put(t testing.TB, slot int, device Device) *Plug {
	t.Helper()
	f.mu.Lock()
	plug := f.plugs[slot]
	f.mu.Unlock()
	if plug != nil && !plug.busy.Load() {
		select {
		case <-plug.Done():
		default:
			plug.Replace(device)
			return plug
		}
	}
	if plug != nil {
		_ = plug.Remove() // a fault of the line is what many tests are about
	}
	return f.Insert(t, slot, device)
}

// Remove takes a card away and returns when pcscd has told that it is gone. What ended the service of the card before is
// not an error here: see [Plug.Remove].
func (f *Fixture) Remove(t testing.TB, slot int, plug *Plug) {
	t.Helper()
	_ = plug.Remove()
	f.absent(t, slot)
}

// absent waits until pcscd has told of every card that left the slot, and gives the count of cards that came.
func (f *Fixture) absent(t testing.TB, slot int) int {
	t.Helper()
	deadline := time.After(patience)
	for {
		inserted, removed := f.events(slot)
		if inserted == removed {
			return inserted
		}
		select {
		case <-deadline:
			t.Fatalf("emulate: slot %d still holds a card: pcscd told of %d that came and %d that went", slot, inserted, removed)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// Run executes a program with a limit of 20 seconds and gives its output and exit status.
func (f *Fixture) Run(t testing.TB, name string, arguments ...string) (stdout, stderr string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(f.ctx, patience)
	defer cancel()
	command := exec.CommandContext(ctx, name, arguments...)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	err := command.Run()
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		t.Fatalf("%s %q: %v\n%s%s", name, arguments, err, out.String(), errs.String())
	}
	return out.String(), errs.String(), command.ProcessState.ExitCode()
}

// Output executes a program that must succeed and gives its standard output.
func (f *Fixture) Output(t testing.TB, name string, arguments ...string) string {
	t.Helper()
	stdout, stderr, status := f.Run(t, name, arguments...)
	if status != 0 {
		t.Fatalf("%s %q: exit status %d\n%s%s", name, arguments, status, stdout, stderr)
	}
	return stdout
}
