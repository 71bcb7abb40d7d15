"""What every process keeps running: loops, the live policy, gauges, the bus, the outbox."""
