package fleet

import (
	"context"

	"github.com/stowage-build/stowage/executor"
)

// Planned are the builders as far as they are known without asking them: what
// is not declared is taken to be on a machine of the host's platform that runs
// programs for all others. They cannot build. What stands for several counts as
// one.
func Planned(opts Options, host string) []executor.BuilderPort {
	return planned(opts.members(), host)
}

// Expected are the builders of Planned, with those that stand for several
// replaced by them if they can be found without a connection to them: DNS and
// kubectl are asked, unless that is not wanted. Notes say which count as one all
// the same, and why.
func Expected(ctx context.Context, opts Options, host string, ask bool) (ports []executor.BuilderPort, notes []string) {
	members := opts.members()
	if ask {
		members = opts.discover(ctx, members)
	}
	for _, m := range members {
		switch {
		case !ask && m.several():
			notes = append(notes, "Builder "+m.name+" may stand for several and counts as one: without a network they are not looked for.")
		case m.err != nil:
			notes = append(notes, "Builder "+m.name+" stands for several and counts as one: "+m.err.Error()+".")
		}
	}
	return planned(members, host), notes
}

func planned(members []member, host string) []executor.BuilderPort {
	var ports []executor.BuilderPort
	for _, m := range members {
		p := executor.BuilderPort{Name: m.name, Platforms: m.platforms, Except: m.except, Native: m.native, Slots: m.slots}
		switch {
		case p.Native != "":
		case len(p.Platforms) > 0:
			p.Native = p.Platforms[0]
		default:
			p.Native = host
		}
		ports = append(ports, p)
	}
	return ports
}
