"""What the venue says we have against what the books say: differences explained, outcomes fetched, winnings redeemed."""
