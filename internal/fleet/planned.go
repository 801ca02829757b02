package fleet

import "github.com/stowage-build/stowage/executor"

// Planned are the builders as far as they are known without asking them: what
// is not declared is taken to be on a machine of the host's platform that runs
// programs for all others. They cannot build.
func Planned(opts Options, host string) []executor.BuilderPort {
	var ports []executor.BuilderPort
	for _, m := range opts.members() {
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
