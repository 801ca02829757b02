package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// discoverTimeout bounds the search for the builders of one endpoint.
const discoverTimeout = 20 * time.Second

// discoverError is why the builders of an endpoint could not be found. It may
// pass.
type discoverError struct {
	endpoint string
	err      error
}

func (e *discoverError) Error() string {
	return fmt.Sprintf("find the builders at %s: %v", e.endpoint, e.err)
}
func (e *discoverError) Unwrap() error   { return e.err }
func (e *discoverError) Temporary() bool { return true }
func (e *discoverError) Lost() bool      { return true }

// discover lists the builders, with those that stand for several replaced by
// them: a tcp endpoint whose host has several addresses, and kube-pod:// with a
// selector. Each is called NAME/ADDRESS or NAME/POD, and has all the slots.
func (o Options) discover(ctx context.Context, members []member) []member {
	limited, cancel := context.WithTimeout(ctx, discoverTimeout)
	defer cancel()
	found := make([][]member, len(members))
	atOnce(len(members), func(i int) {
		m := members[i]
		var err error
		if found[i], err = o.expand(limited, m); err != nil {
			if m.err = ctx.Err(); m.err == nil {
				m.err = &discoverError{m.endpoint, err}
			}
			found[i] = []member{m}
		}
	})
	return slices.Concat(found...)
}

// several reports whether the member may stand for several builders.
func (m member) several() bool {
	u, err := url.Parse(m.endpoint)
	if err != nil {
		return false
	}
	_, noHost := netip.ParseAddr(u.Hostname())
	return (u.Scheme == "tcp" && u.Port() != "" && noHost != nil) || (u.Scheme == "kube-pod" && u.Query().Has("selector"))
}

// expand returns what the member stands for: mostly itself.
func (o Options) expand(ctx context.Context, m member) ([]member, error) {
	if !m.several() {
		return []member{m}, nil
	}
	u, err := url.Parse(m.endpoint)
	if err != nil {
		return nil, err
	}
	if u.Scheme == "tcp" {
		return o.expandHost(ctx, m, u)
	}
	return expandPods(ctx, m, u)
}

// expandHost makes a builder of each address. A host with one address of each
// family is one machine.
func (o Options) expandHost(ctx context.Context, m member, u *url.URL) ([]member, error) {
	host := u.Hostname()
	resolve := o.Resolve
	if resolve == nil {
		resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	addresses, err := resolve(ctx, host)
	if err == nil && len(addresses) == 0 {
		err = fmt.Errorf("lookup %s: no address", host)
	}
	if err != nil {
		return nil, fmt.Errorf("%w; see that the name is right, or build elsewhere with --builder", err)
	}
	addresses = oneFamily(addresses)
	if len(addresses) < 2 {
		m.address = addresses[0]
		return []member{m}, nil
	}
	var out []member
	for _, a := range addresses {
		one := m
		one.name, one.address = m.name+"/"+a.String(), a
		one.endpoint = "tcp://" + net.JoinHostPort(a.String(), u.Port())
		if m.tls != nil && m.tls.ServerName == "" {
			t := *m.tls
			t.ServerName = host
			one.tls = &t
		}
		out = append(out, one)
	}
	return out, nil
}

// oneFamily is the IPv4 addresses, or, where there is none, all; sorted.
func oneFamily(addresses []netip.Addr) []netip.Addr {
	var four []netip.Addr
	for i, a := range addresses {
		addresses[i] = a.Unmap()
		if addresses[i].Is4() {
			four = append(four, addresses[i])
		}
	}
	if len(four) > 0 {
		addresses = four
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	return slices.Compact(addresses)
}

// pods are what kubectl says of pods, as far as it matters here.
type pods struct {
	Items []struct {
		Metadata struct {
			Name              string `json:"name"`
			DeletionTimestamp string `json:"deletionTimestamp"`
		} `json:"metadata"`
		Status struct {
			Conditions []struct{ Type, Status string } `json:"conditions"`
		} `json:"status"`
	} `json:"items"`
}

// expandPods makes a builder of each pod that the selector matches and that is
// ready. kubectl finds them, as it makes the connections.
func expandPods(ctx context.Context, m member, u *url.URL) ([]member, error) {
	query := u.Query()
	selector := query.Get("selector")
	args := []string{"get", "pods", "--selector=" + selector, "--output=json"}
	for _, flag := range []string{"context", "namespace"} {
		if value := query.Get(flag); value != "" {
			args = append(args, "--"+flag+"="+value)
		}
	}
	cmd := exec.CommandContext(ctx, "kubectl", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	data, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	var list pods
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("read what kubectl says of pods: %w", err)
	}
	query.Del("selector")
	var out []member
	for _, pod := range list.ready() {
		one := m
		one.name = m.name + "/" + pod
		one.endpoint = (&url.URL{Scheme: "kube-pod", Host: pod, RawQuery: query.Encode()}).String()
		out = append(out, one)
	}
	if len(out) == 0 {
		return nil, errors.New("no pod that is ready has the labels " + selector)
	}
	return out, nil
}

// ready names the pods that are ready and not about to go, sorted.
func (p pods) ready() []string {
	var names []string
	for _, item := range p.Items {
		for _, c := range item.Status.Conditions {
			if c.Type == "Ready" && c.Status == "True" && item.Metadata.DeletionTimestamp == "" {
				names = append(names, item.Metadata.Name)
			}
		}
	}
	slices.Sort(names)
	return names
}
