package buildkit

import (
	"errors"
	"net"
	"testing"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/session/auth/authprovider"
)

// TestOffers: what is offered twice is there until both have withdrawn it, and
// what has failed serves nobody who comes later.
func TestOffers(t *testing.T) {
	var o offers
	offer := func(name string) *tree { return &tree{name: name} }
	first, second, third := offer("a"), offer("a"), offer("a")
	served, withdrawFirst := o.add(first)
	if served != first {
		t.Error("another tree is served than the only one")
	}
	served, withdrawSecond := o.add(second)
	if served != first {
		t.Error("a second tree of the same content is served beside the first")
	}
	withdrawFirst()
	if got, ok := o.LookupDir("a"); !ok || got != first {
		t.Errorf("while the second is offered there is %v, %v", got, ok)
	}
	told := 0
	first.whenFailed(func() { told++ })
	first.fail(errors.New("it changed"))
	first.whenFailed(func() { told++ }) // one who comes late
	if told != 2 {
		t.Errorf("%d of 2 were told", told)
	}
	served, withdrawThird := o.add(third)
	if served != third {
		t.Error("a tree that has failed is served")
	}
	withdrawSecond() // of what third has replaced
	if got, ok := o.LookupDir("a"); !ok || got != third {
		t.Errorf("after the second is withdrawn there is %v, %v", got, ok)
	}
	withdrawThird()
	if got, ok := o.LookupDir("a"); ok {
		t.Errorf("after all are withdrawn there is %v", got)
	}
}

// TestCloseDoesNotWait: a client of a daemon that hangs can be closed.
func TestCloseDoesNotWait(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := &Client{auth: authprovider.NewDockerAuthProvider(authprovider.DockerAuthProviderConfig{})}
	if c.buildkit, err = client.New(t.Context(), "tcp://"+l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	_, ended, err := c.openShared()
	if err != nil {
		t.Fatal(err)
	}
	if conn, err := l.Accept(); err != nil { // so the session is being opened
		t.Fatal(err)
	} else {
		defer conn.Close()
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	<-ended
}
