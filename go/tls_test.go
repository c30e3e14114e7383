package acclient

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// saysHello runs a program with a separate client.
func saysHello(t *testing.T, options Options) {
	t.Helper()
	c := got[*Client](t)(Open(ctx(t), options))
	defer c.Close()
	equal(t, "stdout", got[*Job](t)(c.Execute(Agent(1, 1), "echo", "hello").Run(ctx(t))).Stdout, "hello\n")
}

// doesNotOpen checks that Open fails with an error that contains a word.
func doesNotOpen(t *testing.T, options Options, kind error, word string) {
	t.Helper()
	_, err := Open(ctx(t), options)
	wants(t, err, kind)
	if !strings.Contains(err.Error(), word) || err.(*Error).IsRetriable() {
		t.Fatalf("%v", err)
	}
}

// The server requires client certificates and has a certificate of a private authority.
func TestTLS(t *testing.T) {
	where := variable(t, "ACCLIENT_TLS_URL")
	port := got[int](t)(strconv.Atoi(got[*url.URL](t)(url.Parse(where)).Port()))
	ca := variable(t, "ACCLIENT_TLS_CA")
	known := TLS{CertFile: variable(t, "ACCLIENT_TLS_CERT"), KeyFile: variable(t, "ACCLIENT_TLS_KEY")}

	doesNotOpen(t, Options{URL: where}, ErrConnect, "certificate")
	doesNotOpen(t, Options{URL: where, TLS: &known}, ErrConnect, "certificate")
	doesNotOpen(t, Options{Port: uint16(port), TLS: &TLS{}}, ErrConnect, "certificate")
	trusting := known
	trusting.CAFile = ca
	saysHello(t, Options{URL: where, TLS: &trusting})
	saysHello(t, Options{Port: uint16(port), TLS: &trusting})
	insecure := known
	insecure.Insecure = true
	saysHello(t, Options{Port: uint16(port), TLS: &insecure})

	doesNotOpen(t, Options{TLS: &TLS{CAFile: "/nowhere/ca.pem"}}, ErrInvalidArgument, "/nowhere/ca.pem")
	_, err := NewClient(Options{TLS: &TLS{CAFile: "/nowhere/ca.pem"}})
	wants(t, err, ErrInvalidArgument)
	for _, wrong := range []TLS{{CAFile: "a\x00b"}, {CertFile: "a", KeyFile: "\x00"}, {CertFile: "a"}, {KeyFile: "a"}} {
		_, err := NewClient(Options{TLS: &wrong})
		wants(t, err, ErrInvalidArgument)
	}
}

func TestSentinels(t *testing.T) {
	sentinel := variable(t, "ACCLIENT_SENTINEL")
	saysHello(t, Options{MasterName: "main", Sentinels: []string{"127.0.0.1:1", sentinel}})
	saysHello(t, Options{URL: "redis+sentinel://127.0.0.1:1," + sentinel + "/main"})
	short, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, err := Open(short, Options{MasterName: "other", Sentinels: []string{sentinel}})
	wants(t, err, ErrTimeout, context.DeadlineExceeded)
	equal(t, "in words", strings.Contains(err.Error(), "other"), true)
	for _, wrong := range []Options{
		{MasterName: "main"},
		{Sentinels: []string{sentinel}},
		{MasterName: "main", Sentinels: []string{"a:x"}},
		{MasterName: "main", Sentinels: []string{"a", "a\x00b"}},
		{MasterName: "a\x00b", Sentinels: []string{"a"}},
	} {
		_, err := NewClient(wrong)
		wants(t, err, ErrInvalidArgument)
	}
}
