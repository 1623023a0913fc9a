package ekausage

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// How long the look-up may take. The client has the metadata, or else a broker responds.
const replicaTimeout = 10 * time.Second

// replicasChecked is whether a client of this process has looked up how many replicas the topic has.
var replicasChecked atomic.Bool

// A replicaCheck warns once in a process what acks 1 means for a topic that has replicas. It is a hook of
// franz-go.
type replicaCheck struct {
	ctx    context.Context
	client *kgo.Client
	log    *limitedLog
}

// OnProduceBatchWritten is called by franz-go for each batch that was sent.
func (c *replicaCheck) OnProduceBatchWritten(kgo.BrokerMetadata, string, int32, kgo.ProduceBatchMetrics) {
	if !replicasChecked.Load() && replicasChecked.CompareAndSwap(false, true) {
		go c.check()
	}
}

func (c *replicaCheck) check() {
	ctx, cancel := context.WithTimeout(c.ctx, replicaTimeout)
	defer cancel()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr(UsageTopic)
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = append(request.Topics, topic)
	response, err := c.client.RequestCachedMetadata(ctx, request, 0)
	if err != nil || len(response.Topics) == 0 {
		replicasChecked.Store(false) // the next batch is as good
		return
	}
	replicas := 0
	for i := range response.Topics[0].Partitions {
		replicas = max(replicas, len(response.Topics[0].Partitions[i].Replicas))
	}
	if replicas > 1 {
		c.log.write(slog.LevelWarn, "acks", fmt.Sprintf("acks is 1 and topic %s has %d replicas: an event counts as "+
			"delivered once the leader has it, and is lost if that broker fails before the others have copied it; "+
			"set %sKAFKA_ACKS=all", UsageTopic, replicas, envPrefix))
	}
}
