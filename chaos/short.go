package main

import "time"

// shortPlans are for every day: each of the four kills, at a step where much can go wrong.
func shortPlans() []Plan {
	return []Plan{
		{Short: true, Seed: 1, Work: "companies", Companies: 8, Workers: 1, Faults: []Fault{
			{Do: KillWorker, For: 200 * time.Millisecond, When: Step{At: "postgres scores", Nth: 4, Answered: true}},
		}},
		{Short: true, Seed: 2, Work: "companies", Companies: 8, Workers: 2, Weather: Weather{LostAnswers: 0.05}, Faults: []Fault{
			{Do: KillStarter, For: 500 * time.Millisecond, When: Step{At: "temporal StartWorkflowExecution", Nth: 3, Answered: true}},
		}},
		{Short: true, Seed: 3, Work: "companies", Companies: 8, Workers: 1, Faults: []Fault{
			{Do: KillTemporal, When: Step{At: "hubspot note created", Nth: 3, Answered: true}},
		}},
		{Short: true, Seed: 4, Work: "companies", Companies: 8, Workers: 1, Faults: []Fault{
			{Do: KillPostgres, When: Step{At: "hubspot properties written", Nth: 4, Answered: true}},
		}},
	}
}
