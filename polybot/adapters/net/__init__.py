"""HTTP and websockets with deadlines, retries, a breaker and quotas."""
