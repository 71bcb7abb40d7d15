"""What comes in: deliveries become messages, and messages become tickets."""
