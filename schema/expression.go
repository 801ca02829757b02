package schema

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

var stringType = cty.String

// names says which names an expression may mention.
type names uint

const (
	nameVar names = 1 << iota
	nameLocal
	namePackage
	nameEach
	nameSelf  // self.name
	nameImage // self.image
	nameHash  // self.hash
)

// What the kinds of expressions may mention.
const (
	mayNothing   names = 0
	mayVariables       = nameVar
	mayStatic          = nameVar | nameLocal
	mayImage           = mayStatic | nameEach | nameSelf
	mayPlatforms       = mayImage | nameImage
	mayPackage         = mayPlatforms | namePackage
	mayTag             = mayPackage | nameHash
)

// expression is an attribute's expression with where it stands and what it
// may mention.
type expression struct {
	hclsyntax.Expression
	scope *scope
	may   names
	// what names the attribute for messages.
	what string
	// items are the entries when this is an object whose keys are all
	// literal: each can then be looked at by itself.
	items []item
	// params are the parameters of the function whose result this is.
	params []string
	// used is set by environment.analyze, and its packages by environment.link.
	used usage
}

// item is one entry of an object expression.
type item struct {
	key   string
	value *expression
	rng   hcl.Range
}

// usage is what an expression mentions.
type usage struct {
	locals   []*local
	packages []mention
	// raw are the traversals to packages until link has resolved them.
	raw []packageTraversal
	// sensitive says that a sensitive variable takes part: messages about the
	// evaluation could show it.
	sensitive bool
	// bad says that something mentioned is not there; it has been reported,
	// and the expression is not evaluated.
	bad bool
}

// packageTraversal is package.… as it stands in an expression.
type packageTraversal struct {
	traversal hcl.Traversal
	// rng is what to point at: the traversal, or the mention of the local
	// that has it.
	rng hcl.Range
}

// newExpression wraps an attribute's expression.
func newExpression(e hcl.Expression, s *scope, may names, what string) (*expression, hcl.Diagnostics) {
	n, diags := native(e)
	return &expression{Expression: n, scope: s, may: may, what: what}, diags
}

// newMap is newExpression for an attribute that is a map: entries that can be
// told apart are.
func newMap(e hcl.Expression, s *scope, may names, what string) (*expression, hcl.Diagnostics) {
	x, diags := newExpression(e, s, may, what)
	object, ok := x.Expression.(*hclsyntax.ObjectConsExpr)
	if !ok {
		return x, diags
	}
	var items []item
	for _, i := range object.Items {
		key, d := i.KeyExpr.Value(nil)
		if d.HasErrors() || key.IsNull() || !key.IsKnown() || !key.Type().Equals(cty.String) {
			return x, diags
		}
		value := &expression{Expression: i.ValueExpr, scope: s, may: may, what: fmt.Sprintf("%s[%q]", what, key.AsString())}
		items = append(items, item{key: key.AsString(), value: value, rng: i.ValueExpr.Range()})
	}
	x.items = items
	if x.items == nil {
		x.items = []item{}
	}
	return x, diags
}

// parts are the expressions to analyze and to evaluate: the items of a map
// whose keys are literal, or the expression itself.
func (x *expression) parts() []*expression {
	if x.items == nil {
		return []*expression{x}
	}
	parts := make([]*expression, len(x.items))
	for i, it := range x.items {
		parts[i] = it.value
	}
	return parts
}

// poison is an expression in place of one that has been reported: its value
// is unknown, and nothing is said about what is made of it.
func poison(rng hcl.Range) hclsyntax.Expression {
	return &hclsyntax.LiteralValueExpr{Val: cty.DynamicVal, SrcRange: rng}
}
