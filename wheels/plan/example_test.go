package plan_test

import (
	"fmt"

	"github.com/pyimg/pyimg/wheels/plan"
)

// A Shard is the part of a plan that one of several CI jobs builds. What its packages need comes along, so that no job waits for another one.
func ExampleShard_Of() {
	tool := &plan.Item{Project: "tool", Version: "3.0", State: plan.Missing} // only a build requirement
	whole := plan.Plan{Items: []*plan.Item{
		tool,
		{Project: "a", Version: "1.0", State: plan.Missing, Wanted: true},
		{Project: "b", Version: "2.0", State: plan.Outdated, Wanted: true, Requires: []plan.Requirement{{Project: "tool", Item: tool}}},
		{Project: "c", Version: "1.0", State: plan.Current, Wanted: true},
	}}
	for _, text := range []string{"1/2", "2/2", "3/2"} {
		shard, err := plan.ParseShard(text)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, i := range shard.Of(whole).Items {
			fmt.Println(shard, i.Project, i.State, i.ToBuild())
		}
	}
	// Output:
	// 1/2 a missing true
	// 1/2 c up to date false
	// 2/2 tool missing true
	// 2/2 b outdated true
	// expected I/N, such as 1/4, I from 1 to N, found "3/2"
}
