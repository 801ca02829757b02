package schema

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// maxLocalChain is how many locals may build on each other: every one can
// make a value nest deeper.
const maxLocalChain = 1000

// local is one name of a locals block.
type local struct {
	name  string
	expr  *expression
	rng   hcl.Range // of the name
	value cty.Value // unknown for late locals and after errors
	depth int       // longest chain of locals below it
	state localState
	needs []*local // the locals it mentions that have not been looked at yet
}

// localState is how far ordering has come with a local.
type localState int

const (
	localNew     localState = iota
	localWaiting            // on the path being followed: meeting it again is a cycle
	localDone               // analyzed, and evaluated unless late
)

// isLate says that the value mentions a package, directly or not, and is
// evaluated with the package that uses it.
func (l *local) isLate() bool { return len(l.expr.used.raw) > 0 }

// decodeLocals reads a locals block.
func (l *loader) decodeLocals(s *scope, b *hcl.Block) {
	attributes, diags := b.Body.JustAttributes()
	l.add(diags...)
	for _, a := range sortedAttributes(attributes) {
		if first, ok := l.env.locals[a.Name]; ok {
			l.add(errorAt(a.NameRange, "Duplicate local", "local.%s is declared at %s already. Locals are visible in the whole workspace: rename one of them.", a.Name, at(first.rng)))
			continue
		}
		x, diags := newExpression(a.Expr, s, mayStatic|namePackage, "local."+a.Name)
		l.add(diags...)
		l.env.locals[a.Name] = &local{name: a.Name, expr: x, rng: a.NameRange, value: cty.DynamicVal}
	}
}

// evaluateLocals analyzes all locals, in dependency order, and evaluates
// those that mention no package. It uses no recursion: a chain of locals can
// be as long as a file.
func (l *loader) evaluateLocals() {
	for _, name := range slices.Sorted(maps.Keys(l.env.locals)) {
		path := []*local{l.env.locals[name]}
		for len(path) > 0 {
			current := path[len(path)-1]
			if current.state == localDone {
				path = path[:len(path)-1]
				continue
			}
			next := l.nextNeeded(current)
			switch {
			case next == nil:
				l.evaluateLocal(current)
				path = path[:len(path)-1]
			case next.state == localWaiting:
				l.reportCycle(path, next)
				path = path[:len(path)-1]
			default:
				path = append(path, next)
			}
		}
	}
	values := map[string]cty.Value{}
	for name, local := range l.env.locals {
		values[name] = local.value
	}
	l.env.base.Variables["local"] = cty.ObjectVal(values)
}

// nextNeeded is the first local that current mentions and that is not done.
func (l *loader) nextNeeded(current *local) *local {
	if current.state == localNew {
		current.state = localWaiting
		for _, t := range current.expr.Variables() {
			name, _, ok := step(t, 1)
			if other := l.env.locals[name]; ok && t.RootName() == "local" && other != nil {
				current.needs = append(current.needs, other)
			}
		}
		for _, called := range l.env.callsIn(current.expr) {
			for _, name := range l.env.userFunctions[called].locals {
				if other := l.env.locals[name]; other != nil {
					current.needs = append(current.needs, other)
				}
			}
		}
	}
	for len(current.needs) > 0 {
		if first := current.needs[0]; first.state != localDone {
			return first
		}
		current.needs = current.needs[1:]
	}
	return nil
}

func (l *loader) evaluateLocal(current *local) {
	current.state = localDone
	l.add(l.env.analyze(current.expr)...)
	for _, used := range current.expr.used.locals {
		current.depth = max(current.depth, used.depth+1)
	}
	if current.depth > maxLocalChain {
		current.expr.used.bad = true
		l.add(errorAt(current.rng, "Locals nested too deeply", "local.%s builds on a chain of more than %d other locals.", current.name, maxLocalChain))
	}
	if current.isLate() {
		return
	}
	used := map[string]cty.Value{}
	for _, o := range current.expr.used.locals {
		used[o.name] = o.value
	}
	value, diags := current.expr.evaluate(map[string]cty.Value{"local": cty.ObjectVal(used)})
	l.add(diags...)
	current.value = value
}

// reportCycle reports the locals from the first mention of next on path, and
// takes all of them out.
func (l *loader) reportCycle(path []*local, next *local) {
	cycle := path[slices.Index(path, next):]
	var text strings.Builder
	for _, c := range cycle {
		text.WriteString("local." + c.name + " (" + at(c.rng) + ") → ")
		c.state = localDone
		c.expr.used.bad = true
	}
	l.add(errorAt(next.rng, "Cycle of locals", "%slocal.%s. A local cannot be made of itself; break the cycle in one place.", text.String(), next.name))
}

func sortedAttributes(attributes hcl.Attributes) []*hcl.Attribute {
	return slices.SortedFunc(maps.Values(attributes), func(a, b *hcl.Attribute) int {
		return compareRanges(a.NameRange, b.NameRange)
	})
}
