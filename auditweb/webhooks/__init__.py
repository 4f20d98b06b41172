"""What goes out by itself: webhooks, and a mail each week. Rules and statements, and no HTTP framework."""
