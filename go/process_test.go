package acclient

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"time"
)

// vanishing starts a Redis that closes the connection after it has received a command.
func vanishing(t *testing.T) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	go func() {
		peer, err := listener.Accept()
		if err != nil {
			return
		}
		defer peer.Close()
		defer listener.Close()
		var received []byte
		buffer := make([]byte, 4096)
		for !bytes.Contains(received, []byte(`"cmd":"ping"`)) {
			length, err := peer.Read(buffer)
			if err != nil {
				return
			}
			received = append(received, buffer[:length]...)
			switch {
			case bytes.Contains(received, []byte("RPUSH")):
			case bytes.Contains(buffer[:length], []byte("HELLO")):
				// INFO is pipelined with it.
				peer.Write([]byte("%2\r\n$5\r\nproto\r\n:3\r\n$4\r\nmode\r\n+standalone\r\n-NOPERM\r\n"))
			default:
				peer.Write([]byte("+PONG\r\n"))
			}
		}
	}()
	return "redis://" + listener.Addr().String()
}

func TestLostConnectionAfterSendIsErrMaybeSent(t *testing.T) {
	c := got[*Client](t)(Connect(ctx(t), vanishing(t)))
	defer c.Close()
	_, err := c.Cmd(Agent(1, 1), "ping").Submit(ctx(t))
	wants(t, err, ErrMaybeSent)
	known := err.(*Error)
	equal(t, "retriable", known.IsRetriable(), false)
	equal(t, "command", strings.HasPrefix(known.CommandHandle(), "acclient:1:"), true)
	wants(t, c.Ping(ctx(t)), ErrConnect)
}

func TestUnreadableInstancesFileIsErrSystem(t *testing.T) {
	t.Setenv("ACCLIENT_CONFIG", t.TempDir())
	_, err := Instance(ctx(t), "main")
	wants(t, err, ErrSystem)
}

// The test that starts the grid has stored the result.
func TestResultWithInvalidText(t *testing.T) {
	c := client(t)
	command := got[*Command](t)(c.GetByHandle("acclient:1:broken:1:1"))
	defer command.Close()
	job := got[*Job](t)(command.NextResult(ctx(t)))
	equal(t, "stdout", job.Stdout, "caf\ufffd \x00 \ufffd\n")
	equal(t, "dropped fields", strings.Join(job.DroppedFields, " "), "critical tags")
	equal(t, "time", job.Time, time.Second)
	equal(t, "raw", bytes.Contains(job.Raw, []byte("caf\xe9 \\u0000 \\ud800")), true)
}
