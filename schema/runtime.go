package schema

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/docker/go-units"
)

// Surroundings are what instructions run in, besides the image and the network.
type Surroundings struct {
	// ShmSize is the size of /dev/shm in bytes; 0 is the builder's default.
	ShmSize int64
	// Ulimits are NAME=SOFT:HARD, sorted, each name once; -1 is no limit.
	Ulimits []string
	// ExtraHosts are addresses by the names that /etc/hosts gets.
	ExtraHosts map[string]string
	// CgroupParent is the control group, on the builder, that instructions run
	// below.
	CgroupParent string
}

// maxShm bounds shm_size: 1 TiB.
const maxShm = 1 << 40

func (ev *evaluation) readShmSize() {
	x := ev.scalar("shm_size")
	if x == nil {
		return
	}
	text, ok := ev.asString(x)
	if !ok {
		return
	}
	n, err := units.RAMInBytes(text)
	if err != nil || n < 1 || n > maxShm {
		ev.fail(x.Range(), "Bad size", "shm_size is a size such as \"64m\" or \"2g\", up to 1t, not %q.", text)
		return
	}
	ev.out.ShmSize = n
}

func (ev *evaluation) readUlimits() {
	list, ok := ev.list("ulimits")
	if !ok {
		return
	}
	ev.out.Ulimits = nil
	places := map[string]string{}
	for _, l := range list {
		limit, err := units.ParseUlimit(l.text)
		if err != nil {
			ev.fail(l.rng, "Bad limit", "%q is no limit such as \"nofile=1024:4096\" or \"nproc=100\": %s.", l.text, err)
			continue
		}
		if first, ok := places[limit.Name]; ok {
			ev.fail(l.rng, "Duplicate limit", "%s is limited at %s already.", limit.Name, first)
			continue
		}
		places[limit.Name] = at(l.rng)
		ev.out.Ulimits = append(ev.out.Ulimits, fmt.Sprintf("%s=%d:%d", limit.Name, limit.Soft, limit.Hard))
	}
	slices.Sort(ev.out.Ulimits)
}

func (ev *evaluation) readExtraHosts() {
	nearer := map[string]bool{}
	for _, m := range ev.mapValues("extra_hosts", ev.merged.maps["extra_hosts"]) {
		name := strings.ToLower(m.key) // as names of hosts are compared
		if nearer[name] {
			continue
		}
		nearer[name] = true
		if name == "" || strings.ContainsAny(name, " \t\r\n=,\"#") {
			ev.fail(m.rng, "Bad host name", "%q cannot stand in /etc/hosts.", m.key)
			continue
		}
		text, ok := ev.settledText(m.value, m.rng, "extra_hosts["+m.key+"]")
		if !ok {
			continue
		}
		address, err := netip.ParseAddr(text)
		if err != nil || address.Zone() != "" {
			ev.fail(m.rng, "Bad address", "%q is no IP address. Builders may be other machines, so names such as host-gateway have no meaning.", text)
			continue
		}
		ev.out.ExtraHosts[name] = address.String()
	}
}

func (ev *evaluation) readCgroupParent() {
	x := ev.scalar("cgroup_parent")
	if x == nil {
		return
	}
	if text, ok := ev.asString(x); ok {
		if strings.Contains("/"+text+"/", "/../") {
			ev.fail(x.Range(), "Bad control group", "%q leads out of the builder's control groups.", text)
			return
		}
		ev.out.CgroupParent = text
	}
}

// readNoCacheStages reads the names of Dockerfile stages; whether there are
// such stages shows when the Dockerfile is built.
func (ev *evaluation) readNoCacheStages() {
	list, ok := ev.list("no_cache_stages")
	if !ok {
		return
	}
	ev.out.NoCacheStages = nil
	for _, l := range list {
		if l.text == "" || strings.ContainsAny(l.text, ", \t\r\n") {
			ev.fail(l.rng, "Bad stage name", "%q is no name of a Dockerfile stage.", l.text)
			continue
		}
		ev.out.NoCacheStages = append(ev.out.NoCacheStages, l.text)
	}
}
